-- Those of the given ids that are jobs, in order.
-- Locks nothing. Index: job_pkey, one look-up per id.
select asked.id
from unnest(:job_ids::uuid[]) as asked (id)
cross join lateral (
  select from duly.job as job where job.id = asked.id offset 0
) as there
order by asked.id

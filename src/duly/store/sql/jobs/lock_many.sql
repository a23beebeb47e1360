-- As jobs/lock for many jobs, in their order, so that two persons cannot wait for one another.
select pg_advisory_xact_lock(hashtextextended(ordered.id::text, 0))
from (select id from unnest(:job_ids::uuid[]) as t (id) order by id offset 0) as ordered

-- The jobs that wait or run now and match, in order: the set that a person acts on is decided here,
-- once. `status` narrows it to pending or processing.
-- Locks nothing. Reads the places of all live jobs in range; then one look-up per job in job_pkey.
select place.job_id as id
from (
  select ready.job_id
  from duly.ready as ready
  where :status::text is distinct from 'processing'
    and (:queue::text is null or ready.queue = :queue::text)
  union all
  select scheduled.job_id
  from duly.scheduled as scheduled
  where :status::text is distinct from 'processing'
    and (:queue::text is null or scheduled.queue = :queue::text)
  union all
  select running.job_id
  from duly.running as running
  where :status::text is distinct from 'pending'
) as place
cross join lateral (
  select
  from duly.job as job
  where job.id = place.job_id
    and (:job_type::text is null or job.job_type = :job_type::text)
    and (:queue::text is null or job.queue = :queue::text)
    and (:tag::text is null or job.tags @> array[:tag::text])
  offset 0
) as wanted
where place.job_id < :before::uuid and place.job_id >= :since::uuid
order by place.job_id

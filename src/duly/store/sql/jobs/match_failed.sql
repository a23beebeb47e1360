-- The jobs that failed or were cancelled and match, in order: the set that a person acts on is
-- decided here, once.
-- Locks nothing. Index: attempt_failed, then look-ups by job id.
select attempt.job_id as id
from duly.attempt as attempt
cross join lateral (
  select
  from duly.job as job
  where job.id = attempt.job_id
    and (:job_type::text is null or job.job_type = :job_type::text)
    and (:queue::text is null or job.queue = :queue::text)
    and (:tag::text is null or job.tags @> array[:tag::text])
  offset 0
) as wanted
where attempt.status in ('failed', 'cancelled') and attempt.status = :status::text
  and attempt.job_id < :before::uuid and attempt.job_id >= :since::uuid
  and not exists (
    select from duly.attempt as newer
    where newer.job_id = attempt.job_id and newer.lease > attempt.lease offset 0
  )
  and not exists (select from duly.ready where ready.job_id = attempt.job_id offset 0)
  and not exists (select from duly.scheduled where scheduled.job_id = attempt.job_id offset 0)
  and not exists (select from duly.running where running.job_id = attempt.job_id offset 0)
order by attempt.job_id

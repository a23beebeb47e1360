-- One page of the jobs that are done, newest first: their newest attempt says so, and
-- nobody asked for another since.
-- Locks nothing. Index: attempt_pkey backwards, then look-ups by job id.
with page as materialized (
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
  where attempt.status = 'done'
    and attempt.job_id < :before::uuid and attempt.job_id >= :since::uuid
    and not exists (
      select from duly.attempt as newer
      where newer.job_id = attempt.job_id and newer.lease > attempt.lease offset 0
    )
    and not exists (select from duly.ready where ready.job_id = attempt.job_id offset 0)
    and not exists (select from duly.scheduled where scheduled.job_id = attempt.job_id offset 0)
    and not exists (select from duly.running where running.job_id = attempt.job_id offset 0)
  order by attempt.job_id desc
  limit :most::integer
)
select
  shown.id, job_type, payload::text as payload, status, attempts, max_attempts, last_error,
  scheduled_at, processing_started_at, created_at, updated_at, queue, priority, finished_at,
  result::text as result, tags, unique_key, progress::text as progress
from page
cross join lateral (
  select jobs.* from duly.jobs as jobs where jobs.id = page.id offset 0
) as shown
order by shown.id desc

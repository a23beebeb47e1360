-- One page of the jobs that are being processed, newest first.
-- Locks nothing. Index: running_pkey backwards, then look-ups by job id.
with page as materialized (
  select running.job_id as id
  from duly.running as running
  cross join lateral (
    select
    from duly.job as job
    where job.id = running.job_id
      and (:job_type::text is null or job.job_type = :job_type::text)
      and (:queue::text is null or job.queue = :queue::text)
      and (:tag::text is null or job.tags @> array[:tag::text])
    offset 0
  ) as wanted
  where running.job_id < :before::uuid and running.job_id >= :since::uuid
  order by running.job_id desc
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

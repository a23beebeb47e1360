-- One page of jobs, newest first, older than a given id and not older than another.
-- Locks nothing. Index: job_pkey backwards, then a few look-ups per job shown.
with page as materialized (
  select job.id
  from duly.job as job
  where job.id < :before::uuid and job.id >= :since::uuid
    and (:job_type::text is null or job.job_type = :job_type::text)
    and (:queue::text is null or job.queue = :queue::text)
    and (:tag::text is null or job.tags @> array[:tag::text])
  order by job.id desc
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

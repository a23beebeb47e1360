-- Jobs by their ids, in any order. Locks nothing. Index: primary keys, a few look-ups per job.
select
  shown.id, job_type, payload::text as payload, status, attempts, max_attempts, last_error,
  scheduled_at, processing_started_at, created_at, updated_at, queue, priority, finished_at,
  result::text as result, tags, unique_key, progress::text as progress
from unnest(:job_ids::uuid[]) as asked (id)
cross join lateral (
  select jobs.* from duly.jobs as jobs where jobs.id = asked.id offset 0
) as shown

-- Jobs by their ids, in any order. Locks nothing. Index: primary keys.
select
  id, job_type, payload::text as payload, status, attempts, max_attempts, last_error, scheduled_at,
  processing_started_at, created_at, updated_at, queue, priority, finished_at, result::text as result,
  tags, unique_key
from duly.jobs
where id = any(:job_ids::uuid[])

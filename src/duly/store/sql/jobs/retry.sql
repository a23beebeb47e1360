-- Put a job that has ended back into `ready`, with a fresh count of attempts. Its history stays.
-- Call it under jobs/lock. Nothing comes back when the job has not ended, or when another live job
-- holds its unique key. Index: primary keys.
with ended as materialized (
  select job.id, job.queue, job.priority, job.unique_key
  from duly.jobs as seen
  inner join duly.job as job on job.id = seen.id
  where seen.id = :job_id::uuid and seen.status in ('done', 'failed', 'cancelled')
),
keyed as (
  insert into duly.unique_key (key, job_id)
  select unique_key, id from ended where unique_key is not null
  on conflict (key) do nothing
  returning job_id
),
again as (
  insert into duly.ready (job_id, queue, priority, attempt)
  select id, queue, priority, 0
  from ended
  where unique_key is null or id in (select job_id from keyed)
  on conflict (job_id) do nothing
  returning job_id, queue
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts)
  select 'retry', 'pending', 1, array[job_id], array[0::smallint] from again
)
select job_id, queue from again

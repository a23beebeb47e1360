-- Give one job that waits, due or not, to a worker: it gets a lease, and its attempt is charged.
-- For tests only: workers claim by lane. Locks its row. Index: primary keys.
with unready as (
  delete from duly.ready where job_id = :job_id::uuid returning job_id, attempt
),
unscheduled as (
  delete from duly.scheduled where job_id = :job_id::uuid returning job_id, attempt
),
taken as (
  select job_id, attempt from unready
  union all
  select job_id, attempt from unscheduled
),
leased as (
  insert into duly.running (job_id, lease, worker, attempt, started_at)
  select job_id, nextval('duly.lease'), :worker::bigint, attempt + 1, duly.now()
  from taken
  returning job_id, lease, attempt
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts)
  select 'claim', 'processing', 1, array[job_id], array[attempt] from leased
)
select
  leased.job_id as id, leased.lease, leased.attempt, job.job_type, job.queue,
  job.max_attempts, job.unique_key, job.payload::text as payload
from leased
inner join duly.job as job on job.id = leased.job_id

-- Take back jobs of workers that are dead or that nobody knows: to `ready` while attempts are left,
-- otherwise they have failed (or are cancelled, if that was asked for). Looks at the worker's life,
-- never at how long a job has run.
-- Locks the rows in `running` in job order, skipping locked ones.
with gone as materialized (
  select running.ctid
  from duly.running as running
  where not exists (
    select from duly.worker as worker
    where worker.id = running.worker and worker.died_at is null
  )
  order by running.job_id
  limit :most::integer
  for update skip locked
),
freed as (
  delete from duly.running
  where ctid = any(array(select ctid from gone))
  returning job_id, lease, worker, attempt, started_at, cancel_requested_at
),
judged as materialized (
  select
    freed.*, job.queue, job.priority, job.unique_key,
    case
      when freed.cancel_requested_at is not null then 'cancelled'
      when freed.attempt >= job.max_attempts then 'failed'
      else 'pending'
    end as status
  from freed
  inner join duly.job as job on job.id = freed.job_id
),
kept as (
  insert into duly.attempt (
    job_id, lease, worker, attempt, started_at, finished_at, outcome, status, error
  )
  select
    job_id, lease, worker, attempt, started_at, duly.now(), 'rescue', status,
    'its worker died while the job was running'
  from judged
),
again as (
  insert into duly.ready (job_id, queue, priority, attempt)
  select job_id, queue, priority, attempt
  from judged
  where status = 'pending'
  order by job_id
),
unkeyed as (
  delete from duly.unique_key as held
  using judged
  where judged.status <> 'pending' and held.key = judged.unique_key and held.job_id = judged.job_id
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts)
  select 'rescue', status, count(*), array_agg(job_id), array_agg(attempt)
  from (
    select job_id, attempt, status, (row_number() over (partition by status) - 1) / 100 as page
    from judged
  ) as paged
  group by status, page
)
select job_id, lease, attempt, status, queue
from judged

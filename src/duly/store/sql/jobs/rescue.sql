-- Take back jobs of workers that are dead or that nobody knows: to `ready` while attempts are left,
-- otherwise they have failed (or are cancelled, if that was asked for). Looks at the worker's life,
-- never at how long a job has run.
-- After a crash nobody knows which of the jobs it was: none is charged, all go to the lane of the
-- suspects, and one that was there at three crashes has failed.
-- Locks the rows in `running` in job order, skipping locked ones.
with gone as materialized (
  select running.ctid from duly.running as running
  where not exists (
    select from duly.worker where worker.id = running.worker and worker.died_at is null
  )
  order by running.job_id limit :most::integer
  for update skip locked
),
freed as (
  delete from duly.running where ctid = any(array(select ctid from gone))
  returning job_id, lease, worker, attempt, started_at, cancel_requested_at
),
judged as materialized (
  select
    freed.*, job.queue, job.priority, job.unique_key, crash.n as crashes,
    case
      when freed.cancel_requested_at is not null then 'cancelled'
      when coalesce(crash.n >= least(3, job.max_attempts), freed.attempt >= job.max_attempts)
        then 'failed'
      else 'pending'
    end as status
  from freed
  inner join duly.job as job on job.id = freed.job_id
  cross join duly.crashes(freed.job_id, freed.worker) as crash (n)
),
kept as (
  insert into duly.attempt (
    job_id, lease, worker, attempt, started_at, finished_at, outcome, status, error
  )
  select
    job_id, lease, worker, attempt, started_at, duly.now(), 'rescue', status,
    case
      when crashes is null then 'its worker died while the job was running'
      when crashes > 1 and status = 'failed' then format('crashed its worker %s times', crashes)
      else 'its worker crashed while the job was running'
    end
  from judged
),
again as (
  insert into duly.ready (job_id, queue, priority, attempt)
  select
    job_id, queue, case when crashes is null then priority else :suspects::smallint end,
    attempt - (crashes is not null)::integer
  from judged
  where status = 'pending' order by job_id
),
unkeyed as (
  delete from duly.unique_key as held using judged
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
select job_id, lease, attempt, status, queue from judged

-- Give finished attempts their outcomes. A row of `kept` false is a job that was claimed and never
-- started: it goes back uncharged and leaves no attempt behind.
-- A job that would go back to wait is cancelled instead when somebody has asked for that meanwhile.
-- Writes nothing for a lease that is no longer the current one; accepted is what comes back.
-- Locks the rows in `running` in job order. Index: running_pkey.
with given as materialized (
  select *
  from unnest(
    :job_ids::uuid[], :leases::bigint[], :outcomes::text[], :statuses::text[], :delays::float8[],
    :errors::text[], :results::jsonb[], :unique_keys::text[], :kept::boolean[]
  ) as t (job_id, lease, outcome, status, delay, error, result, unique_key, kept)
  order by job_id
),
held as materialized (
  select mine.ctid
  from given
  cross join lateral (
    select running.ctid
    from duly.running as running
    where running.job_id = given.job_id and running.lease = given.lease
    for update
  ) as mine
),
ended as (
  delete from duly.running
  where ctid = any(array(select ctid from held))
  returning job_id, lease, worker, attempt, started_at, cancel_requested_at
),
settled as materialized (
  select
    ended.*, given.delay, given.error, given.result, given.unique_key,
    given.kept or wish.is_cancel as kept,
    case when wish.is_cancel then 'cancel' else given.outcome end as outcome,
    case when wish.is_cancel then 'cancelled' else given.status end as status,
    ended.attempt - (not given.kept or given.outcome in ('snooze', 'release'))::integer as tries
  from ended
  inner join given on given.job_id = ended.job_id and given.lease = ended.lease
  cross join lateral (
    select ended.cancel_requested_at is not null and given.status = 'pending' as is_cancel
  ) as wish
),
recorded as (
  insert into duly.attempt (
    job_id, lease, worker, attempt, started_at, finished_at, outcome, status, error, result
  )
  select
    job_id, lease, worker, attempt, started_at, duly.now(), outcome, status, error, result
  from settled
  where kept
),
waiting as (
  insert into duly.scheduled (job_id, queue, priority, run_at, attempt)
  select
    settled.job_id, job.queue, job.priority, duly.now() + make_interval(secs => settled.delay),
    settled.tries
  from settled
  inner join duly.job as job on job.id = settled.job_id
  where settled.status = 'pending' and settled.delay is not null
  returning job_id, run_at
),
again as (
  insert into duly.ready (job_id, queue, priority, attempt)
  select settled.job_id, job.queue, job.priority, settled.tries
  from settled
  inner join duly.job as job on job.id = settled.job_id
  where settled.status = 'pending' and settled.delay is null
  order by settled.job_id
),
unkeyed as (
  delete from duly.unique_key as held_key
  using settled
  where held_key.key = settled.unique_key and held_key.job_id = settled.job_id
    and settled.status <> 'pending'
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts, durations, scheduled_at, errors)
  select
    outcome, status, count(*), array_agg(job_id), array_agg(attempt), array_agg(duration),
    case when bool_or(run_at is not null) then array_agg(run_at) end,
    case when bool_or(error is not null) then array_agg(left(error, 500)) end
  from (
    select
      settled.outcome, settled.status, settled.job_id, settled.attempt, settled.error,
      waiting.run_at,
      least(extract(epoch from duly.now() - settled.started_at) * 1000, 2147483647)::integer
        as duration,
      (row_number() over (partition by settled.outcome, settled.status) - 1) / 100 as page
    from settled
    left join waiting on waiting.job_id = settled.job_id
  ) as paged
  group by outcome, status, page
)
select job_id, lease from ended

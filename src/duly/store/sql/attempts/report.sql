-- Write what handlers have reported of their attempts: the newest progress of each job, and lines
-- of the logs that are not there yet, with an event for each, in order.
-- Writes nothing for a lease that is no longer the current one; the current ones come back.
-- Holds the rows in `running` in job order, so that an outcome comes later. Index: running_pkey.
with given as materialized (
  select *
  from unnest(:job_ids::uuid[], :leases::bigint[], :progresses::jsonb[], :ages::float8[])
    as t (job_id, lease, progress, age)
  order by job_id
),
held as materialized (
  select
    given.*, mine.attempt,
    (duly.now() - make_interval(secs => given.age)) at time zone 'UTC' as moment
  from given
  cross join lateral (
    select running.attempt
    from duly.running as running
    where running.job_id = given.job_id and running.lease = given.lease
    for key share
  ) as mine
),
moved as (
  insert into duly.progress (job_id, lease, progress)
  select
    job_id, lease,
    progress || jsonb_build_object('at', to_char(moment, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
  from held
  where progress is not null
  on conflict (job_id) do update set lease = excluded.lease, progress = excluded.progress
),
logged as (
  insert into duly.log (job_id, lease, n, attempt, at, level, message)
  select
    held.job_id, held.lease, line.n, held.attempt, duly.now() - make_interval(secs => line.age),
    line.level, line.message
  from unnest(
    :line_leases::bigint[], :ns::integer[], :line_ages::float8[], :levels::text[], :messages::text[]
  ) as line (lease, n, age, level, message)
  inner join held on held.lease = line.lease
  on conflict do nothing
  returning job_id, n, attempt, at, level, message
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts, details)
  select
    change, 'processing', count(*), array_agg(job_id order by rank),
    array_agg(attempt order by rank), array_agg(details order by rank)
  from (
    select
      'log' as change, job_id, attempt, row_number() over (order by job_id, n) - 1 as rank,
      jsonb_build_object('level', level, 'message', message) || jsonb_build_object(
        'at', to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
      ) as details
    from logged
    union all
    select 'progress', job_id, attempt, row_number() over (order by job_id) - 1, progress
    from held
    where progress is not null
  ) as reported
  group by change, rank / 100
  order by change, rank / 100
)
select lease from held

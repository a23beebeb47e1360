-- Cancel many jobs: those that wait, at once; the workers of those that run are asked to stop them.
-- Only those whose status is still one of `statuses`; what comes back was changed.
-- Locks the rows in `ready`, `scheduled` and `running`, each in job order. Index: primary keys.
with given as materialized (
  select id from unnest(:job_ids::uuid[]) as t (id) order by id
),
unready as (
  delete from duly.ready
  where ctid = any(array(
    select held.ctid from given
    cross join lateral (
      select ready.ctid from duly.ready as ready where ready.job_id = given.id for update
    ) as held
    where 'pending' = any(:statuses::text[])
  ))
  returning job_id, attempt
),
unscheduled as (
  delete from duly.scheduled
  where ctid = any(array(
    select held.ctid from given
    cross join lateral (
      select waits.ctid from duly.scheduled as waits where waits.job_id = given.id for update
    ) as held
    where 'pending' = any(:statuses::text[])
  ))
  returning job_id, attempt
),
asked as (
  update duly.running
  set cancel_requested_at = coalesce(cancel_requested_at, duly.now())
  where ctid = any(array(
    select held.ctid from given
    cross join lateral (
      select runs.ctid from duly.running as runs where runs.job_id = given.id for update
    ) as held
    where 'processing' = any(:statuses::text[])
  ))
  returning job_id
),
gone as materialized (select * from unready union all select * from unscheduled),
kept as (
  insert into duly.attempt (job_id, lease, attempt, finished_at, outcome, status)
  select job_id, nextval('duly.lease'), attempt, duly.now(), 'cancel', 'cancelled' from gone
),
unkeyed as (
  delete from duly.unique_key
  where job_id = any(array(select job_id from gone)) and key = any(array(
    select body.unique_key from gone
    cross join lateral (
      select job.unique_key from duly.job as job where job.id = gone.job_id offset 0
    ) as body
  ))
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts)
  select 'cancel', 'cancelled', count(*), array_agg(job_id), array_agg(attempt)
  from (select job_id, attempt, (row_number() over () - 1) / 100 as page from gone) as paged
  group by page
)
select job_id, false as is_running from gone
union all
select job_id, true from asked

-- Cancel a job that waits in `ready` or `scheduled`; nothing comes back when it waits in neither.
-- Locks its row. Indexes: the primary keys of both tables.
with unready as (
  delete from duly.ready where job_id = :job_id::uuid returning job_id, attempt
),
unscheduled as (
  delete from duly.scheduled where job_id = :job_id::uuid returning job_id, attempt
),
gone as (
  select job_id, attempt from unready
  union all
  select job_id, attempt from unscheduled
),
kept as (
  insert into duly.attempt (job_id, lease, attempt, finished_at, outcome, status)
  select job_id, nextval('duly.lease'), attempt, duly.now(), 'cancel', 'cancelled' from gone
),
unkeyed as (
  delete from duly.unique_key where job_id in (select job_id from gone)
    and key = (select unique_key from duly.job where id = :job_id::uuid)
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts)
  select 'cancel', 'cancelled', 1, array[job_id], array[attempt] from gone
)
select job_id from gone

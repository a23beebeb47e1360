-- Move scheduled jobs that are due to `ready`, the earliest first, with a fresh seq.
-- Locks the rows in `scheduled` in due order, skipping locked ones. Index: scheduled_due.
with due as materialized (
  select ctid
  from duly.scheduled
  where run_at <= duly.now()
  order by run_at
  limit :most::integer
  for update skip locked
),
moved as (
  delete from duly.scheduled
  where ctid = any(array(select ctid from due))
  returning job_id, queue, priority, run_at, attempt
),
claimable as (
  insert into duly.ready (job_id, queue, priority, attempt)
  select job_id, queue, priority, attempt
  from moved
  order by run_at
  returning job_id
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts)
  select 'promote', 'pending', count(*), array_agg(job_id), array_agg(attempt)
  from (
    select job_id, attempt, (row_number() over () - 1) / 100 as page
    from moved
  ) as paged
  group by page
)
select queue, count(*)::integer as n
from moved
group by queue

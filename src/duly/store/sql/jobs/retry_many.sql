-- Put many jobs that have ended back into `ready`, each with a fresh count of attempts. Only those
-- whose status is still one of `statuses`, and whose unique key no live job holds: of several with
-- one key, the newest. What comes back was changed. Call it under jobs/lock_many.
-- Index: primary keys, a few look-ups per job.
with ended as materialized (
  select seen.id, seen.queue, seen.priority, seen.unique_key
  from unnest(:job_ids::uuid[]) as asked (id)
  cross join lateral (
    select jobs.id, jobs.queue, jobs.priority, jobs.unique_key, jobs.status
    from duly.jobs as jobs
    where jobs.id = asked.id
    offset 0
  ) as seen
  where seen.status = any(:statuses::text[])
),
keyed as (
  insert into duly.unique_key (key, job_id)
  select unique_key, id
  from ended
  where unique_key is not null
  order by unique_key, id desc
  on conflict (key) do nothing
  returning job_id
),
again as (
  insert into duly.ready (job_id, queue, priority, attempt)
  select id, queue, priority, 0
  from ended
  where unique_key is null or id in (select job_id from keyed)
  order by id
  on conflict (job_id) do nothing
  returning job_id, queue
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts)
  select 'retry', 'pending', count(*), array_agg(job_id), array_agg(0::smallint)
  from (select job_id, (row_number() over () - 1) / 100 as page from again) as paged
  group by page
)
select job_id, queue from again

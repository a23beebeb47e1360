-- Give the first jobs of one lane to a worker: each gets a lease, and its attempt is charged.
-- Jobs of the types in `left_types` are left to others; null, as nearly always, leaves none.
-- Locks the rows in `ready` in seq order, skipping those that somebody else is taking.
-- Index: ready_lane, from the cursor on; then one look-up per job in job_pkey.
with due as materialized (
  select ctid
  from duly.ready
  where queue = :queue::text and priority = :priority::smallint and seq > :cursor::bigint
    and (
      :left_types::text[] is null
      or not exists (
        select from duly.job
        where job.id = ready.job_id and job.job_type = any(:left_types::text[])
        offset 0
      )
    )
  order by seq
  limit :most::integer
  for update skip locked
),
taken as (
  delete from duly.ready
  where ctid = any(array(select ctid from due))
  returning seq, job_id, attempt
),
leased as (
  insert into duly.running (job_id, lease, worker, attempt, started_at)
  select job_id, nextval('duly.lease'), :worker::bigint, attempt + 1, duly.now()
  from (select job_id, attempt from taken order by seq) as ordered
  returning job_id, lease, attempt
),
told as (
  insert into duly.event (change, status, n, job_ids, attempts)
  select 'claim', 'processing', count(*), array_agg(job_id), array_agg(attempt)
  from (
    select job_id, attempt, (row_number() over () - 1) / 100 as page
    from leased
  ) as paged
  group by page
)
select
  leased.job_id, leased.lease, leased.attempt, body.job_type, body.max_attempts, body.unique_key,
  body.payload, taken.seq
from leased
inner join taken on taken.job_id = leased.job_id
cross join lateral (
  select job.job_type, job.max_attempts, job.unique_key, job.payload::text as payload
  from duly.job as job
  where job.id = leased.job_id
  offset 0
) as body
order by taken.seq

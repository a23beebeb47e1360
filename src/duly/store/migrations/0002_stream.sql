-- The event stream: histories, progress and logs of running jobs, exact pruning.

alter table duly.event add column details jsonb[];

create index event_tick_base on duly.event_tick (base, tick);

-- The newest progress that a job's handler has reported.
create table duly.progress (
  job_id uuid primary key,
  lease bigint not null,
  progress jsonb not null
);

-- What handlers said about their attempts.
create table duly.log (
  job_id uuid not null,
  lease bigint not null,
  n integer not null,
  attempt smallint not null,
  at timestamptz not null,
  level text not null,
  message text not null,
  primary key (job_id, lease, n)
) partition by range (job_id);
create table duly.log_default partition of duly.log default;
alter table duly.progress set (fillfactor = 50);

create or replace view duly.jobs as
select
  job.id,
  job.job_type,
  job.payload,
  case
    when running.job_id is not null then 'processing'
    when ready.job_id is not null or scheduled.job_id is not null then 'pending'
    else coalesce(ended.status, 'pending')
  end as status,
  coalesce(
    running.attempt, ready.attempt, scheduled.attempt, ended.attempt, 0
  )::integer as attempts,
  job.max_attempts::integer as max_attempts,
  broken.error as last_error,
  coalesce(scheduled.run_at, job.scheduled_at, job.created_at) as scheduled_at,
  running.started_at as processing_started_at,
  job.created_at,
  greatest(job.created_at, running.started_at, ended.finished_at) as updated_at,
  job.queue,
  job.priority::integer as priority,
  case
    when coalesce(running.job_id, ready.job_id, scheduled.job_id) is null then ended.finished_at
  end as finished_at,
  case
    when coalesce(running.job_id, ready.job_id, scheduled.job_id) is null then ended.result
  end as result,
  job.tags,
  job.unique_key,
  told.progress
from duly.job as job
left join duly.running as running on running.job_id = job.id
left join duly.ready as ready on ready.job_id = job.id
left join duly.scheduled as scheduled on scheduled.job_id = job.id
left join duly.progress as told on told.job_id = job.id
left join lateral (
  select attempt.status, attempt.attempt, attempt.finished_at, attempt.result
  from duly.attempt as attempt
  where attempt.job_id = job.id
  order by attempt.lease desc
  limit 1
) as ended on true
left join lateral (
  select attempt.error
  from duly.attempt as attempt
  where attempt.job_id = job.id and attempt.error is not null
  order by attempt.lease desc
  limit 1
) as broken on true;

-- Make the partitions of the days from `first_day` on, moving over what already fell into the
-- default partition. Answers the number of partitions made.
create or replace function duly.make_partitions(first_day date, days integer) returns integer
language plpgsql
as $$
declare
  made integer := 0;
  kind text;
  day date;
  part text;
  low text;
  high text;
  moved text;
begin
  perform pg_advisory_xact_lock(hashtext('duly.make_partitions'));
  for day in select (first_day + i)::date from generate_series(0, days - 1) as i loop
    foreach kind in array array['job', 'attempt', 'log', 'event'] loop
      part := kind || '_' || to_char(day, 'YYYYMMDD');
      continue when to_regclass('duly.' || part) is not null;
      -- Rows that are on their way into the default partition when a new one is attached would be
      -- refused: nobody may be inserting. One order of locks, as everywhere.
      if made = 0 then
        lock table duly.job, duly.attempt, duly.log, duly.event in share row exclusive mode;
      end if;
      low := (day::timestamp at time zone 'UTC')::text;
      high := ((day + 1)::timestamp at time zone 'UTC')::text;
      if kind <> 'event' then
        low := duly.first_id(low::timestamptz)::text;
        high := duly.first_id(high::timestamptz)::text;
      end if;
      moved := case kind when 'job' then 'id' when 'event' then 'at' else 'job_id' end;
      execute format('create table duly.%I (like duly.%I including defaults including storage including constraints)', part, kind);
      execute format(
        'with gone as (delete from duly.%I where %I >= %L and %I < %L returning *) insert into duly.%I select * from gone',
        kind || '_default', moved, low, moved, high, part
      );
      execute format('alter table duly.%I attach partition duly.%I for values from (%L) to (%L)', kind, part, low, high);
      made := made + 1;
    end loop;
  end loop;
  return made;
end
$$;

-- Drop one day of jobs with all that belongs to them. What is not finished, or finished at
-- `keep_since` or later, is carried over to the default partitions first. Answers how many jobs
-- were carried over.
create or replace function duly.prune_day(day date, keep_since timestamptz) returns integer
language plpgsql
as $$
declare
  suffix text := to_char(day, 'YYYYMMDD');
  carried integer;
begin
  execute format('alter table duly.job detach partition duly.%I', 'job_' || suffix);
  execute format('alter table duly.attempt detach partition duly.%I', 'attempt_' || suffix);
  execute format('alter table duly.log detach partition duly.%I', 'log_' || suffix);
  execute format(
    'with wanted as materialized (
       select job.id from duly.%1$I as job
       where exists (select from duly.running where running.job_id = job.id)
         or exists (select from duly.ready where ready.job_id = job.id)
         or exists (select from duly.scheduled where scheduled.job_id = job.id)
         or exists (
           select from duly.%2$I as attempt
           where attempt.job_id = job.id and attempt.finished_at >= $1
         )
     ),
     attempts as (
       insert into duly.attempt select attempt.* from duly.%2$I as attempt
       where attempt.job_id in (select id from wanted)
     ),
     logs as (
       insert into duly.log select log.* from duly.%3$I as log
       where log.job_id in (select id from wanted)
     ),
     forgotten as (
       delete from duly.progress using duly.%1$I as job
       where progress.job_id = job.id and job.id not in (select id from wanted)
     )
     insert into duly.job select job.* from duly.%1$I as job where job.id in (select id from wanted)',
    'job_' || suffix, 'attempt_' || suffix, 'log_' || suffix
  ) using keep_since;
  get diagnostics carried = row_count;
  execute format(
    'drop table duly.%I, duly.%I, duly.%I', 'job_' || suffix, 'attempt_' || suffix, 'log_' || suffix
  );
  return carried;
end
$$;

-- Delete what was carried over once and has been finished since before `keep_since`.
create or replace function duly.prune_carried(keep_since timestamptz, most integer) returns integer
language plpgsql
as $$
declare
  gone uuid[];
begin
  select array_agg(finished.id) into gone
  from (
    select job.id from duly.job_default as job
    where job.created_at < keep_since
      and not exists (select from duly.running where running.job_id = job.id)
      and not exists (select from duly.ready where ready.job_id = job.id)
      and not exists (select from duly.scheduled where scheduled.job_id = job.id)
      and not exists (
        select from duly.attempt where attempt.job_id = job.id and attempt.finished_at >= keep_since
      )
    limit most
  ) as finished;
  delete from duly.attempt_default where job_id = any(gone);
  delete from duly.log_default where job_id = any(gone);
  delete from duly.progress where job_id = any(gone);
  delete from duly.job_default where id = any(gone);
  return coalesce(cardinality(gone), 0);
end
$$;

drop function duly.prune_events(date);

-- Drop one day of events, and the ticks that hold any of them: what is left stays readable. Answers
-- whether that could be done; not before every transaction of that time has ended.
create function duly.prune_events(day date) returns boolean
language plpgsql
as $$
declare
  part text := 'event_' || to_char(day, 'YYYYMMDD');
  newest xid8;
  first_kept bigint;
begin
  execute format('lock table duly.%I in access exclusive mode', part);
  execute format('select coalesce(max(xid), ''0'') from duly.%I', part) into newest;
  select min(tick) into first_kept from duly.event_tick where pg_snapshot_xmin(snap) > newest;
  if first_kept is null then
    return false;
  end if;
  if newest > '0' then
    delete from duly.event_tick where tick < first_kept;
  end if;
  execute format('alter table duly.event detach partition duly.%I', part);
  execute format('drop table duly.%I', part);
  return true;
end
$$;

-- Where the events are being written: cluster, database, table, the transaction that wrote down the
-- epoch (a restored row has another one), and the timeline of the WAL. What a provider, or a
-- standby, does not let us ask stays empty.
create function duly.history(written_by xid) returns text
language plpgsql volatile security definer set search_path = pg_catalog
as $$
declare
  cluster text := '';
  timeline text := '';
begin
  begin
    cluster := (select system_identifier from pg_control_system());
  exception when insufficient_privilege or feature_not_supported or undefined_function then
    null;
  end;
  begin
    timeline := left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
  exception when insufficient_privilege or feature_not_supported or undefined_function
    or object_not_in_prerequisite_state then
    null;
  end;
  return concat_ws(
    '/', cluster, (select oid from pg_database where datname = current_database()),
    'duly.event'::regclass::oid, written_by, timeline
  );
end
$$;

-- Begin another history of events, unless one has begun since `epoch`. Positions of the old one are
-- answered with a reset. In a copy the events are dropped, since the transactions that they name
-- are others here. Answers whether a new history was begun.
create function duly.begin_epoch(old_epoch text) returns boolean
language plpgsql
as $$
declare
  before text;
  here text;
begin
  select history, duly.history(xmin) into before, here
  from duly.event_epoch where epoch = old_epoch for update;
  if not found then
    return false;
  end if;
  if regexp_replace(before, '/[^/]*$', '') <> regexp_replace(here, '/[^/]*$', '') then
    truncate duly.event;
    with gone as (delete from duly.event_tick returning tick, base, n)
    insert into duly.event_tick (tick, base, n, snap)
    select tick + 1, base + n, 0, pg_current_snapshot() from gone order by tick desc limit 1;
  end if;
  update duly.event_epoch
  set epoch = left(encode(uuid_send(gen_random_uuid()), 'hex'), 8),
    history = duly.history(pg_current_xact_id()::xid);
  perform pg_notify('duly_tick', '');
  return true;
end
$$;

-- Names the place of a history of events. Elsewhere a new epoch begins.
alter table duly.event_epoch add column history text not null default '';
update duly.event_epoch set history = duly.history(pg_current_xact_id()::xid);

-- The days that are there already get their part of the logs.
select duly.make_partitions(day, 1) from duly.partition_days('job') as day;

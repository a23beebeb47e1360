-- The whole schema of duly, written to be read. A database gets here by the files in migrations/;
-- a test proves that both arrive at the same schema.
--
-- A job's body never changes and never moves. Where it is in its life is told by which narrow table
-- names it: `ready` (may be claimed now), `scheduled` (waits for its moment), `running` (claimed).
-- A job in none of them has ended, and its newest row in `attempt` says how.

create schema duly;
comment on schema duly is 'Jobs, their attempts and their events.';

-- ------------------------------------------------------------------------------------ the clock

-- The one clock of all jobs. Tests replace this function and travel in time.
create function duly.now() returns timestamptz
language sql stable parallel safe
as $$ select now() $$;

-- A UUID of version 7 (RFC 9562): 48 bits of milliseconds, 12 bits of their fraction, then chance.
create function duly.make_id() returns uuid
language sql volatile parallel safe
as $$
  select encode(
    substring(int8send((micros / 1000)) from 3 for 6)
    || substring(int8send((7 << 12) | ((micros % 1000) * 4096 / 1000)) from 7 for 2)
    || set_byte(random_part, 0, (get_byte(random_part, 0) & 63) | 128),
    'hex'
  )::uuid
  from (
    select
      (extract(epoch from clock_timestamp()) * 1000000)::bigint as micros,
      substring(uuid_send(gen_random_uuid()) from 9 for 8) as random_part
  ) as ingredients
$$;

-- The smallest id of a job that is made at `moment` or later: bounds of partitions and of searches.
create function duly.first_id(moment timestamptz) returns uuid
language sql immutable parallel safe
as $$
  select (
    encode(substring(int8send((extract(epoch from moment) * 1000)::bigint) from 3 for 6), 'hex')
    || '00000000000000000000'
  )::uuid
$$;

-- ------------------------------------------------------------------------------------- the jobs

-- The body: insert only. Partitioned by day on the time inside the id.
create table duly.job (
  id uuid not null,
  queue text not null,
  job_type text not null,
  payload jsonb not null,
  priority smallint not null,
  max_attempts smallint not null,
  scheduled_at timestamptz,
  unique_key text,
  tags text[] not null,
  created_at timestamptz not null,
  primary key (id),
  constraint job_type_fits check (length(job_type) between 1 and 200),
  constraint queue_fits check (length(queue) between 1 and 200),
  constraint max_attempts_fits check (max_attempts between 1 and 100),
  constraint scheduled_at_fits check (
    scheduled_at >= '2000-01-01+00' and scheduled_at < '2201-01-01+00'
  )
) partition by range (id);

-- What may be claimed now, in lanes of queue and priority (highest first).
create table duly.ready (
  job_id uuid primary key,
  queue text not null,
  priority smallint not null,
  seq bigint generated always as identity,
  attempt smallint not null
);
create index ready_lane on duly.ready (queue, priority desc, seq);

-- What waits for its moment: delayed jobs, retries after back-off, snoozes.
create table duly.scheduled (
  job_id uuid primary key,
  queue text not null,
  priority smallint not null,
  run_at timestamptz not null,
  attempt smallint not null
);
create index scheduled_due on duly.scheduled (run_at);

-- Numbers the claims. A lease is never reused: it is the fence of every write of a worker.
create sequence duly.lease as bigint;

-- Claimed jobs.
create table duly.running (
  job_id uuid primary key,
  lease bigint not null,
  worker bigint not null,
  attempt smallint not null,
  started_at timestamptz not null,
  cancel_requested_at timestamptz
);
create index running_cancel on duly.running (worker) where cancel_requested_at is not null;

-- One row per attempt that ended. A pending job that was cancelled has a row that never started.
create table duly.attempt (
  job_id uuid not null,
  lease bigint not null,
  worker bigint,
  attempt smallint not null,
  started_at timestamptz,
  finished_at timestamptz not null,
  outcome text not null,
  status text not null,
  error text,
  result jsonb,
  primary key (job_id, lease)
) partition by range (job_id);
create index attempt_failed on duly.attempt (job_id) where status in ('failed', 'cancelled');

-- Of all jobs with one key, at most one is live.
create table duly.unique_key (
  key text primary key,
  job_id uuid not null
);

-- Which request made which job: the same key and fingerprint is answered with the same job.
create table duly.idempotency (
  key text primary key,
  fingerprint bytea not null,
  job_id uuid not null,
  created_at timestamptz not null
);
create index idempotency_age on duly.idempotency (created_at);

-- ----------------------------------------------------------------------------------- the events

-- Every change of every job, written in the statement that makes it: one row per batch and kind.
create table duly.event (
  eseq bigint generated always as identity,
  xid xid8 not null default pg_current_xact_id(),
  at timestamptz not null default duly.now(),
  change text not null,
  status text not null,
  n smallint not null,
  job_ids uuid[] not null,
  attempts smallint[],
  durations integer[],
  scheduled_at timestamptz[],
  errors text[],
  details jsonb[]
) partition by range (at);
create index event_xid on duly.event (xid);
alter table duly.event alter column job_ids set storage plain;
alter table duly.event alter column attempts set storage plain;
alter table duly.event alter column durations set storage plain;

-- The stream, cut into ticks: tick n holds the rows visible in its snapshot and not in the one
-- before. The position of an event is `base` plus its rank in the tick, from 1.
create table duly.event_tick (
  tick bigint primary key,
  base bigint not null,
  n integer not null,
  snap pg_snapshot not null,
  made_at timestamptz not null default now()
);
create index event_tick_base on duly.event_tick (base, tick);

-- Names this history of events. Positions of another history mean nothing here. `history` is where
-- it was written; elsewhere, in a restored copy or after a failover, a new epoch must begin.
create table duly.event_epoch (
  epoch text primary key,
  history text not null default ''
);

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

-- ---------------------------------------------------------------------------------- the workers

create table duly.worker (
  id bigint generated always as identity primary key,
  name text not null,
  slots integer not null,
  queues text[],
  job_types text[] not null,
  started_at timestamptz not null default now(),
  heartbeat_at timestamptz not null default now(),
  died_at timestamptz,
  crashed boolean not null default false
);

-- How often a worker has crashed while it had this job, since the job was made or last retried, the
-- crash of `last_worker` included; null when that one did not crash.
create function duly.crashes(job uuid, last_worker bigint) returns bigint
language plpgsql stable
as $$
begin
  perform from duly.worker where worker.id = crashes.last_worker and worker.crashed;
  if not found then
    return null;
  end if;
  return 1 + (
    select count(*)
    from duly.attempt
    inner join duly.worker on worker.id = attempt.worker and worker.crashed
    where attempt.job_id = crashes.job and attempt.outcome = 'rescue'
      and attempt.lease > coalesce(
        (
          select max(ended.lease) from duly.attempt as ended
          where ended.job_id = crashes.job and ended.status <> 'pending'
        ),
        0
      )
  );
end
$$;

-- Who does the housekeeping: a lease that is renewed, so that nothing hangs on a lost connection.
create table duly.leader (
  duty text primary key,
  holder text not null,
  held_until timestamptz not null
);

create table duly.migration (
  number integer primary key,
  name text not null,
  applied_at timestamptz not null default now()
);

-- ------------------------------------------------------------------------------- the partitions

-- What fits no day lands here, so that no job is lost because a partition is missing; and what of
-- an expired day is still wanted is carried over to here.
create table duly.job_default partition of duly.job default;
create table duly.attempt_default partition of duly.attempt default;
create table duly.event_default partition of duly.event default;
create table duly.log_default partition of duly.log default;

-- ----------------------------------------------------------------------------------- the vacuum

-- Queues churn: vacuum by number of dead rows, not by share of the table, and without pauses.
alter table duly.ready set (
  fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);
alter table duly.scheduled set (
  fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);
alter table duly.running set (
  fillfactor = 90, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0,
  autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
);
alter table duly.worker set (fillfactor = 50);
alter table duly.leader set (fillfactor = 10);
alter table duly.progress set (fillfactor = 50);

-- ------------------------------------------------------------------------- what people look at

-- Each job with its derived status. By id it is a few look-ups; for counts over many jobs, read the
-- tables above.
create view duly.jobs as
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

-- ------------------------------------------------------------------------------- how jobs come in

-- Make many jobs in one statement; every array has one entry per job, or is null for the defaults.
-- Answers one row per job, in order: `is_new` is false for a job that was there already, because a
-- live job holds its unique key or because its idempotency key was used before (`fingerprint` is
-- then the one of that first request).
create function duly.enqueue_many(
  job_types text[],
  payloads jsonb[] default null,
  queues text[] default null,
  priorities smallint[] default null,
  run_ats timestamptz[] default null,
  delays double precision[] default null,
  max_attempts smallint[] default null,
  unique_keys text[] default null,
  tags jsonb[] default null,
  idempotency_keys text[] default null,
  fingerprints bytea[] default null,
  notify boolean default true
) returns table (
  n integer, job_id uuid, is_new boolean, fingerprint bytea, created_at timestamptz,
  run_at timestamptz
)
language plpgsql
as $$
#variable_conflict use_column
declare
  one record;
  found_id uuid;
  found_print bytea;
begin
  for one in
    with given as materialized (
      select
        (row_number() over ())::integer as n, duly.make_id() as id, g.job_type,
        coalesce(g.payload, '{}') as payload, coalesce(g.queue, 'default') as queue,
        coalesce(g.priority, 0::smallint) as priority,
        coalesce(g.run_at, duly.now() + make_interval(secs => g.delay)) as run_at,
        coalesce(g.attempts, 3::smallint) as attempts, g.unique_key,
        array(select jsonb_array_elements_text(g.tags)) as tags, g.idempotency_key, g.fingerprint
      from unnest(
        job_types, payloads, queues, priorities, run_ats, delays, max_attempts, unique_keys, tags,
        idempotency_keys, fingerprints
      ) as g (
        job_type, payload, queue, priority, run_at, delay, attempts, unique_key, tags,
        idempotency_key, fingerprint
      )
    ),
    remembered as (
      insert into duly.idempotency (key, fingerprint, job_id, created_at)
      select g.idempotency_key, coalesce(g.fingerprint, ''), g.id, duly.now()
      from given as g where g.idempotency_key is not null order by g.idempotency_key
      on conflict (key) do nothing
      returning duly.idempotency.job_id as id
    ),
    keyed as (
      insert into duly.unique_key (key, job_id)
      select g.unique_key, g.id
      from given as g
      where g.unique_key is not null
        and (g.idempotency_key is null or g.id in (select r.id from remembered as r))
      order by g.unique_key
      on conflict (key) do nothing
      returning duly.unique_key.job_id as id
    ),
    fresh as materialized (
      select g.*, g.run_at > duly.now() as waits
      from given as g
      where (g.idempotency_key is null or g.id in (select r.id from remembered as r))
        and (g.unique_key is null or g.id in (select k.id from keyed as k))
    ),
    bodies as (
      insert into duly.job (
        id, queue, job_type, payload, priority, max_attempts, scheduled_at, unique_key, tags, created_at
      )
      select
        f.id, f.queue, f.job_type, f.payload, f.priority, f.attempts, f.run_at, f.unique_key, f.tags,
        duly.now()
      from fresh as f
    ),
    claimable as (
      insert into duly.ready (job_id, queue, priority, attempt)
      select f.id, f.queue, f.priority, 0 from fresh as f where f.waits is not true order by f.n
    ),
    waiting as (
      insert into duly.scheduled (job_id, queue, priority, run_at, attempt)
      select f.id, f.queue, f.priority, f.run_at, 0 from fresh as f where f.waits order by f.n
    ),
    told as (
      insert into duly.event (change, status, n, job_ids, scheduled_at)
      select
        'enqueue', 'pending', count(*), array_agg(f.id order by f.n),
        case when f.waits is true then array_agg(f.run_at order by f.n) end
      from fresh as f
      group by f.waits is true, f.waits, (f.n - 1) / 100
    )
    select g.n, g.id, g.idempotency_key, g.unique_key, f.id is not null as is_new, f.waits, f.queue, f.run_at
    from given as g left join fresh as f on f.n = g.n
    order by g.n
  loop
    n := one.n;
    job_id := one.id;
    is_new := one.is_new;
    fingerprint := null;
    created_at := duly.now();
    run_at := one.run_at;
    if not is_new then
      select i.job_id, i.fingerprint into found_id, found_print
      from duly.idempotency as i where i.key = one.idempotency_key and i.job_id <> one.id;
      if found then
        job_id := found_id;
        fingerprint := found_print;
      else
        select u.job_id into found_id from duly.unique_key as u where u.key = one.unique_key;
        if not found then
          raise exception 'the unique key % was released at this moment', one.unique_key
            using errcode = 'serialization_failure', hint = 'Submit the job again.';
        end if;
        update duly.idempotency set job_id = found_id where key = one.idempotency_key;
        job_id := found_id;
      end if;
    elsif notify and one.waits is not true then
      perform pg_notify('duly_ready', one.queue);
    elsif notify and one.run_at < duly.now() + interval '2 seconds' then
      perform pg_notify('duly_scheduled', one.queue);
    end if;
    return next;
  end loop;
end
$$;

-- Make one job, from any language, inside the caller's transaction: it exists when that commits.
create function duly.enqueue(
  job_type text,
  payload jsonb default '{}',
  queue text default 'default',
  priority integer default 0,
  run_at timestamptz default null,
  max_attempts integer default 3,
  unique_key text default null,
  tags text[] default '{}'
) returns uuid
language sql
as $$
  select job_id
  from duly.enqueue_many(
    array[job_type], array[payload], array[queue], array[priority::smallint], array[run_at], null,
    array[max_attempts::smallint], array[unique_key], array[to_jsonb(tags)]
  )
$$;

-- --------------------------------------------------------------------------- the house's own rows

-- Make the partitions of the days from `first_day` on, moving over what already fell into the
-- default partition. Answers the number of partitions made.
create function duly.make_partitions(first_day date, days integer) returns integer
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
create function duly.prune_day(day date, keep_since timestamptz) returns integer
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
create function duly.prune_carried(keep_since timestamptz, most integer) returns integer
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

-- The days that have a partition of a kind (job or event), oldest first.
create function duly.partition_days(kind text) returns setof date
language sql stable
as $$
  select to_date(right(relname, 8), 'YYYYMMDD')
  from pg_class
  where relnamespace = 'duly'::regnamespace and relkind = 'r' and relispartition
    and relname ~ ('^' || kind || '_[0-9]{8}$')
  order by 1
$$;

insert into duly.event_epoch (epoch, history)
values (
  left(encode(uuid_send(gen_random_uuid()), 'hex'), 8), duly.history(pg_current_xact_id()::xid)
);
insert into duly.event_tick (tick, base, n, snap) values (0, 0, 0, pg_current_snapshot());

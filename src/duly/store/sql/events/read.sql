-- The event rows of some ticks in their order, from the one on that holds the first event after a
-- position. The positions of a row's events end with `finish`.
-- Nothing of a tick that is another one by now, and nothing when the stream is written elsewhere.
-- Index: event_xid, as in tick.
with place as (
  select from duly.event_epoch where history = duly.history(xmin)
),
bounds as (
  select this.tick, this.base, this.snap as snap, before.snap as before_snap
  from unnest(:ticks::bigint[], :made_ats::timestamptz[]) as wanted (tick, made_at)
  inner join duly.event_tick as this on this.tick = wanted.tick and this.made_at = wanted.made_at
  inner join duly.event_tick as before on before.tick = this.tick - 1
  where exists (select from place)
),
numbered as (
  select row.*, bounds.base + sum(row.n) over (partition by bounds.tick order by row.eseq) as finish
  from bounds
  cross join lateral (
    select event.*
    from duly.event as event
    where event.xid >= pg_snapshot_xmax(bounds.before_snap)
      and event.xid < pg_snapshot_xmax(bounds.snap)
      and pg_visible_in_snapshot(event.xid, bounds.snap)
    union all
    select event.*
    from (
      select pg_snapshot_xip(bounds.before_snap) as xid except select pg_snapshot_xip(bounds.snap)
    ) as late
    cross join lateral (
      select event.* from duly.event as event where event.xid = late.xid offset 0
    ) as event
  ) as row
)
select
  finish, at, change, status, job_ids, attempts, durations, scheduled_at, errors, details
from numbered
where finish > :after::bigint
order by finish

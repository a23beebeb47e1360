-- The event rows of one tick in their order, from the one on that holds the first event after a
-- position. The positions of a row's events end with `finish`.
-- Nothing when that is another tick by now, or when the stream is written elsewhere.
-- Index: event_xid, as in tick.
with bounds as (
  select this.base, this.snap as snap, before.snap as before_snap
  from duly.event_tick as this
  inner join duly.event_tick as before on before.tick = this.tick - 1
  cross join duly.event_epoch as epoch
  where this.tick = :tick::bigint and this.made_at = :made_at::timestamptz
    and epoch.history = duly.history(epoch.xmin)
),
numbered as (
  select row.*, bounds.base + sum(row.n) over (order by row.eseq) as finish
  from bounds
  cross join lateral (
    select event.*
    from duly.event as event
    where event.xid >= pg_snapshot_xmax(bounds.before_snap)
      and event.xid < pg_snapshot_xmax(bounds.snap)
      and pg_visible_in_snapshot(event.xid, bounds.snap)
    union all
    select event.*
    from duly.event as event
    where event.xid = any(
      array(select pg_snapshot_xip(bounds.before_snap) except select pg_snapshot_xip(bounds.snap))
    )
  ) as row
)
select
  finish, at, change, status, job_ids, attempts, durations, scheduled_at, errors, details
from numbered
where finish > :after::bigint
order by eseq

-- The event rows of one tick in their order. Positions are `base` plus the rank, from 1.
-- Index: event_xid, as in tick.
with bounds as (
  select this.base, this.snap as snap, before.snap as before_snap
  from duly.event_tick as this
  inner join duly.event_tick as before on before.tick = this.tick - 1
  where this.tick = :tick::bigint
)
select
  bounds.base, row.eseq, row.at, row.change, row.status, row.job_ids, row.attempts, row.durations,
  row.scheduled_at, row.errors, row.details
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
order by row.eseq

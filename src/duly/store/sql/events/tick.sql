-- Cut the stream here: what became visible since the last tick gets its positions.
-- Nothing comes back when there was nothing new. Must run in a transaction that wrote no events.
-- Index: event_xid, the range between both snapshots and the ids that were in progress before.
with last_tick as (
  select tick, base, n, snap from duly.event_tick order by tick desc limit 1
),
here as (
  select pg_current_snapshot() as snap
),
fresh as (
  select coalesce(sum(found.n), 0)::integer as n
  from last_tick
  cross join here
  cross join lateral (
    select event.n
    from duly.event as event
    where event.xid >= pg_snapshot_xmax(last_tick.snap) and event.xid < pg_snapshot_xmax(here.snap)
      and pg_visible_in_snapshot(event.xid, here.snap)
    union all
    select event.n
    from duly.event as event
    where event.xid = any(
      array(select pg_snapshot_xip(last_tick.snap) except select pg_snapshot_xip(here.snap))
    )
  ) as found
),
made as (
  insert into duly.event_tick (tick, base, n, snap)
  select last_tick.tick + 1, last_tick.base + last_tick.n, fresh.n, here.snap
  from last_tick
  cross join here
  cross join fresh
  where fresh.n > 0
  returning tick, base, n
)
select tick, base, n, pg_notify('duly_tick', '') from made

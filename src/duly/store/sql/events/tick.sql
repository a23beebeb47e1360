-- Cut the stream here: what became visible since the last tick gets its positions.
-- Without a tick there was nothing new, or the stream was written elsewhere (is_ours is false).
-- Must run in a transaction that wrote no events.
-- Index: event_xid, the range between both snapshots and the ids that were in progress before
-- (`offset 0`: each by itself, or the plan would read the empty days to come from end to end).
with place as (
  select epoch, history = duly.history(xmin) as is_ours from duly.event_epoch
),
last_tick as (
  select tick, base, n, snap
  from duly.event_tick
  where (select is_ours from place)
  order by tick desc
  limit 1
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
    from (
      select pg_snapshot_xip(last_tick.snap) as xid except select pg_snapshot_xip(here.snap)
    ) as late
    cross join lateral (
      select event.n from duly.event as event where event.xid = late.xid offset 0
    ) as event
  ) as found
),
made as (
  insert into duly.event_tick (tick, base, n, snap)
  select last_tick.tick + 1, last_tick.base + last_tick.n, fresh.n, here.snap
  from last_tick
  cross join here
  cross join fresh
  where fresh.n > 0
  returning tick, base, n, made_at
)
select
  place.epoch, place.is_ours, made.tick, made.base, made.n, made.made_at,
  case when made.tick is not null then pg_notify('duly_tick', '') end
from place
left join made on true

-- The tick that holds the first event after a position, or the newest one when there is none yet,
-- and those that follow it.
-- Nothing when the stream is not the one of a tick that the reader knows: it was set back.
-- Index: event_tick_base, event_tick_pkey.
select coming.tick, coming.base, coming.n, coming.made_at
from duly.event_tick as known
cross join lateral (
  select event_tick.tick
  from duly.event_tick
  where event_tick.base <= :position::bigint
  order by event_tick.base desc, event_tick.tick desc
  limit 1
) as first
cross join lateral (
  select event_tick.tick, event_tick.base, event_tick.n, event_tick.made_at
  from duly.event_tick
  where event_tick.tick >= first.tick
  order by event_tick.tick
  limit :most::integer
) as coming
where known.tick = :tick::bigint and known.made_at = :made_at::timestamptz
order by coming.tick

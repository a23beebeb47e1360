-- The ticks after one that a reader knows, oldest first, and whether it still knows this stream:
-- its epoch, whether that is still written here, and whether the known tick is the one it was.
-- Always answers a row. Index: event_tick_pkey.
select
  epoch.epoch, epoch.history = duly.history(epoch.xmin) as is_ours,
  known.tick is not null as is_known,
  coming.tick, coming.base, coming.n, coming.made_at
from duly.event_epoch as epoch
left join duly.event_tick as known
  on known.tick = :tick::bigint and known.made_at = :made_at::timestamptz
left join lateral (
  select event_tick.tick, event_tick.base, event_tick.n, event_tick.made_at
  from duly.event_tick
  where event_tick.tick > :tick::bigint
  order by event_tick.tick
  limit :most::integer
) as coming on true
order by coming.tick

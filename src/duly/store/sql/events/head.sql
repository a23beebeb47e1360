-- Where the stream stands: the newest tick, the end of its positions, and the oldest that is kept;
-- and whether a tick that a reader knows is still the one it was.
-- Index: event_tick_pkey, both ends.
select
  epoch.epoch, epoch.history = duly.history(epoch.xmin) as is_ours,
  :tick::bigint is null or exists (
    select from duly.event_tick as known
    where known.tick = :tick::bigint and known.made_at = :made_at::timestamptz
  ) as is_known,
  newest.tick, newest.base, newest.n, newest.made_at,
  oldest.tick as oldest_tick, oldest.base + oldest.n as oldest_position
from duly.event_epoch as epoch
cross join (
  select tick, base, n, made_at from duly.event_tick order by tick desc limit 1
) as newest
cross join (select tick, base, n from duly.event_tick order by tick limit 1) as oldest

-- Where the stream stands: the newest tick, the end of its positions, and the oldest that is kept.
-- Index: event_tick_pkey, both ends.
select
  epoch.epoch, epoch.history = duly.history() as is_ours,
  newest.tick, newest.base, newest.n, newest.made_at,
  oldest.tick as oldest_tick, oldest.base + oldest.n as oldest_position
from duly.event_epoch as epoch
cross join (
  select tick, base, n, made_at from duly.event_tick order by tick desc limit 1
) as newest
cross join (select tick, base, n from duly.event_tick order by tick limit 1) as oldest

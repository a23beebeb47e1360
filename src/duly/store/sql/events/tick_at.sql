-- The tick that holds the first event after a position, or the newest one when there is none yet.
-- Index: event_tick_base.
select tick, base, n, made_at
from duly.event_tick
where base <= :position::bigint
order by base desc, tick desc
limit 1

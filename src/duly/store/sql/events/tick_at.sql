-- The tick that holds the first event after a position: ticks have rising bases, so this is a
-- search from the newest backwards. Index: event_tick_pkey.
select tick, base, n
from duly.event_tick
where base <= :position::bigint
order by tick desc
limit 1

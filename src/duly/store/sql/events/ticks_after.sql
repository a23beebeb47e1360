-- The ticks after a given one, oldest first. Index: event_tick_pkey.
select tick, base, n
from duly.event_tick
where tick > :tick::bigint
order by tick
limit :most::integer

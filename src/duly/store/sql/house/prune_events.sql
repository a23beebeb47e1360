-- Drop one day of events and the ticks that hold any of them; answers whether that could be done.
-- Locks the table for a moment.
select duly.prune_events(:day::date) as is_done

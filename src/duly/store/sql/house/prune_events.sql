-- Drop one day of events and their ticks. Locks the table for a moment.
select duly.prune_events(:day::date)

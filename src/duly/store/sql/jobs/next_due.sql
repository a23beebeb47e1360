-- Seconds until the earliest scheduled job is due, by the database's clock; null when none waits.
-- Locks nothing. Index: scheduled_due.
select extract(epoch from min(run_at) - duly.now())::float8 as seconds
from duly.scheduled

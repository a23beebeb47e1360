-- The running jobs of a worker that somebody wants cancelled. Index: running_cancel.
select job_id
from duly.running
where worker = :worker::bigint and cancel_requested_at is not null

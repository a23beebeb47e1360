-- A heartbeat. No row comes back for a worker that was declared dead: it must stop at once.
-- With it come the jobs that it is asked to stop. Index: worker_pkey, running_cancel.
with alive as (
  update duly.worker
  set heartbeat_at = now()
  where id = :worker::bigint and died_at is null
  returning id
)
select
  alive.id,
  array(
    select running.job_id
    from duly.running as running
    where running.worker = :worker::bigint and running.cancel_requested_at is not null
  ) as cancelled
from alive

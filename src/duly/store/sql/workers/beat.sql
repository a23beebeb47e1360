-- One heartbeat for some workers. No row comes back for one that was declared dead: it must stop at
-- once. With it come the jobs that it is asked to stop.
-- Locks the rows in `worker` in id order. Index: worker_pkey, running_cancel.
with alive as materialized (
  select id
  from duly.worker
  where id = any(:workers::bigint[]) and died_at is null
  order by id
  for update
),
heard as (
  update duly.worker
  set heartbeat_at = now()
  from alive
  where worker.id = alive.id
  returning worker.id
)
select
  heard.id,
  array(
    select running.job_id
    from duly.running as running
    where running.worker = heard.id and running.cancel_requested_at is not null
  ) as cancelled
from heard

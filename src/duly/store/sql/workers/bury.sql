-- Declare dead every worker whose heartbeat is too old, by the clock of the database.
-- Locks the rows in `worker` in id order.
with silent as materialized (
  select id
  from duly.worker
  where died_at is null and heartbeat_at < now() - make_interval(secs => :ttl::float8)
  order by id
  for update skip locked
)
update duly.worker
set died_at = now()
from silent
where worker.id = silent.id
returning worker.id, worker.name

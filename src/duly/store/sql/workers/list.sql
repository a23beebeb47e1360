-- The workers that are alive, oldest first.
select
  id, name, slots, queues, job_types, started_at, heartbeat_at
from duly.worker
where died_at is null
order by id

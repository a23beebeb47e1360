-- The process of a worker has crashed: the worker is dead, and the jobs that it held are suspects.
-- Index: worker_pkey.
update duly.worker
set died_at = now(), crashed = true
where id = :worker::bigint and died_at is null

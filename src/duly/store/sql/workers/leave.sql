-- A worker that gave everything back says goodbye; if it still holds jobs, they are rescued.
update duly.worker
set died_at = now()
where id = :worker::bigint and died_at is null

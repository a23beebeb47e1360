-- Ask the worker that runs a job to stop it; nothing comes back when the job is not running.
-- Locks its row in `running`. Index: running_pkey.
update duly.running
set cancel_requested_at = coalesce(cancel_requested_at, duly.now())
where job_id = :job_id::uuid
returning worker

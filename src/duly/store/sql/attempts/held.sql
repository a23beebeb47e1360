-- The jobs that a worker has in hand, for when the answer to a claim was lost on its way.
-- Locks nothing. Reads all of `running`, which is small: only after a failure.
select
  running.job_id, running.lease, running.attempt, job.queue, job.job_type, job.max_attempts,
  job.unique_key, job.payload::text as payload
from duly.running as running
inner join duly.job as job on job.id = running.job_id
where running.worker = :worker::bigint
order by running.lease

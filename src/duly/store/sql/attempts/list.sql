-- The attempts at a job that were started and have ended, oldest first. Index: attempt_pkey.
select
  attempt.attempt, attempt.lease, attempt.outcome, attempt.status, worker.name as worker,
  attempt.started_at, attempt.finished_at, attempt.error, attempt.result::text as result
from duly.attempt as attempt
left join duly.worker as worker on worker.id = attempt.worker
where attempt.job_id = :job_id::uuid and attempt.started_at is not null
order by attempt.lease

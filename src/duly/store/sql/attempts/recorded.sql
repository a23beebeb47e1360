-- Which of these leases have an outcome already: tells a write that was repeated after a lost
-- answer from one that came too late. Index: attempt_pkey.
select attempt.job_id, attempt.lease
from unnest(:job_ids::uuid[], :leases::bigint[]) as asked (job_id, lease)
inner join duly.attempt as attempt
  on attempt.job_id = asked.job_id and attempt.lease = asked.lease
  and attempt.outcome <> 'rescue'

-- One page of what the handlers of a job have said, oldest first, after one line.
-- Locks nothing. Index: log_pkey.
select log.lease, log.n, log.attempt, log.at, log.level, log.message
from duly.log as log
where log.job_id = :job_id::uuid
  and (log.lease, log.n) > (:lease::bigint, :n::integer)
  and (:attempt::smallint is null or log.attempt = :attempt::smallint)
order by log.lease, log.n
limit :most::integer

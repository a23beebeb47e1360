-- Let one person at a time act on a job; ends with the transaction.
select pg_advisory_xact_lock(hashtextextended(:job_id::uuid::text, 0))

-- Forget idempotency keys and dead workers that are older than the jobs that are kept.
-- Index: idempotency_age.
with keys as (
  delete from duly.idempotency
  where created_at < duly.now() - make_interval(days => :keep_days::integer)
)
delete from duly.worker
where died_at < now() - make_interval(days => :keep_days::integer)
  and not exists (select from duly.running as running where running.worker = worker.id)

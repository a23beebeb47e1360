-- Make many jobs: bodies, their places in `ready` or `scheduled`, and one event per hundred.
-- Locks nothing but the keys it inserts, in key order. One row per job comes back, in order.
select n, job_id, is_new, fingerprint, created_at, run_at
from duly.enqueue_many(
  :job_types::text[], :payloads::jsonb[], :queues::text[], :priorities::smallint[],
  :run_ats::timestamptz[], :delays::float8[], :max_attempts::smallint[], :unique_keys::text[],
  :tags::jsonb[], :idempotency_keys::text[], :fingerprints::bytea[],
  :notify::boolean
)

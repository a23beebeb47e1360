"""A database of twenty thousand jobs in every stage of life, for tests that ask the planner."""

from __future__ import annotations

import random

import asyncpg

from duly.config import Secret
from duly.jobs.submission import Submission
from duly.postgres.pool import Database
from duly.store.store import Store

FRESH = 16_000
OLD = 4_000
QUEUES = ("default", "mail", "reports", "images")

# Jobs of yesterday, by SQL: most are done, some failed or were cancelled, after one to three tries.
YESTERDAY = """
with made as (
  select
    moment, n,
    (left(duly.first_id(moment)::text, 14) || '7' || right(gen_random_uuid()::text, 21))::uuid as id
  from (
    select date_trunc('day', now()) - interval '1 day' + n * interval '10 seconds' as moment, n
    from generate_series(1, $1::integer) as n
  ) as moments
),
bodies as (
  insert into duly.job (id, queue, job_type, payload, priority, max_attempts, tags, created_at)
  select id, 'default', 'report', '{"n": 1}', 0, 3, array['old'], moment from made
)
insert into duly.attempt (
  job_id, lease, worker, attempt, started_at, finished_at, outcome, status, error
)
select
  id, nextval('duly.lease'), 1, try, moment, moment + interval '1 second', outcome, status, error
from made
cross join lateral (
  values
    (1, 'fail', 'pending', 'refused'),
    (2, case when n % 20 = 0 then 'fail' else 'complete' end,
     case when n % 20 = 0 then 'failed' when n % 20 = 1 then 'cancelled' else 'done' end, null)
) as tries (try, outcome, status, error)
"""

# The first of those that are ready were claimed; of these, most have ended.
CLAIMED = """
with taken as (
  delete from duly.ready where job_id in (select job_id from duly.ready order by seq limit 9000)
  returning job_id, attempt, seq
),
kept as (
  insert into duly.running (job_id, lease, worker, attempt, started_at)
  select job_id, nextval('duly.lease'), 1, 1, now() from taken order by seq desc limit 2000
  returning job_id
)
insert into duly.attempt (job_id, lease, worker, attempt, started_at, finished_at, outcome, status)
select
  job_id, nextval('duly.lease'), 1, 1, now(), now(),
  case when seq % 30 = 0 then 'fail' else 'complete' end,
  case when seq % 30 = 0 then 'failed' else 'done' end
from taken
where job_id not in (select job_id from kept)
"""

# What the handlers of yesterday have said, and how far those of today are.
REPORTS = """
with said as (
  insert into duly.log (job_id, lease, n, attempt, at, level, message)
  select attempt.job_id, attempt.lease, n, attempt.attempt, attempt.started_at, 'info', 'hello'
  from duly.attempt as attempt
  cross join generate_series(1, 5) as n
)
insert into duly.progress (job_id, lease, progress)
select job_id, lease, '{"done": 1, "total": 2, "note": null, "at": "2031-05-01T08:00:00Z"}'
from (
  select job_id, lease from duly.running
  union all
  select job_id, max(lease) from duly.attempt group by job_id
) as told
"""

EVENTS = """
do $$
begin
  for i in 1..2000 loop
    insert into duly.event (change, status, n, job_ids)
    values ('claim', 'processing', 1, array[gen_random_uuid()]);
    commit;
  end loop;
end
$$
"""

# What autovacuum would do: it never looks at a partition that nothing was written to.
ANALYZE = """
do $$
declare
  part regclass;
  is_filled boolean;
begin
  for part in select oid::regclass from pg_class
    where relnamespace = 'duly'::regnamespace and relkind = 'r'
  loop
    execute format('select exists (select from %s)', part) into is_filled;
    if is_filled then
      execute format('analyze %s', part);
    end if;
  end loop;
end
$$
"""


async def fill(url: str) -> None:
    """Put the jobs, their attempts and their events into a fresh database."""
    database = Database(Secret(url), name="fill", size=2)
    await database.open()
    store = Store(database)
    worker = await store.workers.register("filler", slots=10, queues=None, job_types=["report"])
    for start in range(0, FRESH, 1_000):
        await store.jobs.enqueue([(_submission(n), None) for n in range(start, start + 1_000)])
    async with database.connection() as connection:
        await connection.execute(CLAIMED)
        await connection.execute(YESTERDAY, OLD)
        await connection.execute(REPORTS)
        await connection.execute("set synchronous_commit to off")
        await connection.execute(EVENTS)
    await store.stream.tick()
    async with database.connection() as connection:
        await _more_ticks(connection, store)
        await connection.execute(ANALYZE)
    await database.close()
    assert worker == 1


async def _more_ticks(connection: asyncpg.Connection, store: Store) -> None:
    await connection.execute(
        "insert into duly.event_tick (tick, base, n, snap)"
        " select -n, -10 * n, 10, pg_current_snapshot() from generate_series(1, 5000) as n"
    )
    for _ in range(20):
        await connection.execute(
            "insert into duly.event (change, status, n, job_ids)"
            " values ('complete', 'done', 1, array[gen_random_uuid()])"
        )
        await store.stream.tick()


def _submission(n: int) -> Submission:
    chance = random.Random(n)
    return Submission(
        job_type=chance.choice(("email", "report", "thumbnail")),
        payload=f'{{"to": "someone@example.com", "n": {n}}}',
        queue=chance.choice(QUEUES),
        priority=chance.choice((-1, 0, 0, 0, 5)),
        delay=chance.uniform(60, 86_400) if n % 4 == 0 else None,
        unique_key=f"report-{n}" if n % 10 == 0 else None,
        tags=("weekly",) if n % 7 == 0 else (),
    )

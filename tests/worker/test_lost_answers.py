"""A claim whose answer was lost on its way from the database."""

from __future__ import annotations

from eventually import eventually
from working import working

from duly.jobs.status import JobStatus

LEAVE_CLAIMED = """
with body as (
  insert into duly.job (
    id, queue, job_type, payload, priority, max_attempts, unique_key, tags, created_at
  )
  values (duly.make_id(), 'default', 'note', '"unknown"', 0, 3, null, '{}', duly.now())
  returning id
)
insert into duly.running (job_id, lease, worker, attempt, started_at)
select id, nextval('duly.lease'), $1, 1, duly.now() from body
returning job_id
"""
CUT = """
with stuck as materialized (
  select pid from pg_stat_activity
  where application_name = 'duly work' and datname = current_database()
    and wait_event_type = 'Lock'
)
select pid from stuck where pg_terminate_backend(pid)
"""


async def test_a_worker_that_lost_an_answer_finds_what_it_has_in_hand(settings, caplog):
    notes = []

    async def note(payload):
        notes.append(payload)

    async with working(settings, {"note": note}) as work:
        # What a claim leaves behind that was committed and not answered:
        unknown = await work.sql.fetchval(LEAVE_CLAIMED, work.engine.worker.id)
        async with work.sql.transaction():
            await work.sql.execute("lock table duly.running in share mode")
            waiting = await work.enqueue("note", "waiting")

            await eventually(lambda: work.sql.fetchval(CUT), "a claim was cut off")

        for job_id in (unknown, waiting.id):
            ended = await work.ends(job_id)
            assert (ended.status, ended.attempts) == (JobStatus.DONE, 1)
    assert sorted(notes) == ["unknown", "waiting"]
    assert "1 jobs are done whose claim was not answered" in caplog.messages

"""Who counts as alive: a process, whatever its handlers do to it, while its supervisor speaks."""

from __future__ import annotations

import signal

from spec.fleet import enqueue, record, until

from .crew import is_alive
from .looks import all_are, logged, nothing_left, started

SHORT = {"DULY_WORKER_TTL": 2, "DULY_HEARTBEAT": 0.4, "DULY_POLL": 0.5}
GATE = '{"gate": "open"}'


async def test_handlers_that_stop_their_process_for_longer_than_the_time_to_live_are_run_once(
    crew, connection
):
    boss = crew.start("--processes", "2", "--slots", "1", **SHORT)

    jobs = await enqueue(connection, "blocking", 1, GATE)
    jobs += await enqueue(connection, "holding", 1, '{"seconds": 4}')
    await until(lambda: started(crew, 2), "both are running")
    old = "select now() - min(started_at) > '4 s' from duly.running"
    await until(lambda: connection.fetchval(old), "for twice the time to live")
    crew.open_gate("open")
    await until(lambda: all_are(connection, done=2), "both are done")

    assert crew.runs("start") == dict.fromkeys(jobs, 1)
    assert await record(connection) == dict.fromkeys(jobs, (1, 1))
    assert "lost its jobs" not in boss.log.read_text()
    assert await connection.fetchval("select count(*) from duly.worker") == 2


async def test_the_processes_of_a_killed_supervisor_finish_what_they_run_and_end(crew, connection):
    boss = crew.start("--processes", "2", "--slots", "1", **SHORT)
    jobs = await enqueue(connection, "gated", 2, GATE)
    await until(lambda: started(crew, 2), "two jobs are running")

    boss.send(signal.SIGKILL)
    boss.wait()
    await until(lambda: logged(boss, "the supervisor is gone"), "they noticed")
    waiting = await enqueue(connection, "quick", 3)
    old = "select now() - min(started_at) > '3 s' from duly.running"
    await until(lambda: connection.fetchval(old), "the time to live is over")
    crew.open_gate("open")
    await until(lambda: _all_gone(boss), "they have ended")

    assert await record(connection) == dict.fromkeys(jobs, (1, 1))
    assert await connection.fetchval("select count(*) from duly.ready") == len(waiting)
    assert await connection.fetchval("select count(*) from duly.worker where died_at is null") == 0


async def test_processes_whose_supervisor_is_frozen_give_up_before_they_are_dead(crew, connection):
    boss = crew.start("--processes", "1", **SHORT)
    (job,) = await enqueue(connection, "gated", 1, GATE)
    await until(lambda: started(crew, 1), "the job is running")

    boss.send(signal.SIGSTOP)
    await until(lambda: logged(boss, "this worker has lost its jobs"), "it gave up")
    boss.send(signal.SIGCONT)
    await until(lambda: started(crew, 2), "the job was rescued and runs again")
    crew.open_gate("open")
    await until(lambda: nothing_left(connection), "the job is done")

    assert await record(connection) == {job: (1, 2)}
    assert len(crew.ledger("end")) == 1
    assert boss.popen.poll() is None


async def _all_gone(boss):
    return not any(is_alive(pid) for pid in boss.children)

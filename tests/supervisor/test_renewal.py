"""Supervisors that are told to stop, to replace their processes, or notice that they must."""

from __future__ import annotations

import asyncio
import signal

from spec.fleet import Producer, enqueue, record, unfinished, until

from .crew import is_alive
from .looks import at_work, logged, nothing_left, outcomes, ran, started

GATE = '{"gate": "open"}'
BACKLOG = 500


async def test_a_supervisor_that_is_told_to_stop_ends_well_and_charges_nothing(crew, connection):
    boss = crew.start("--processes", "2", "--slots", "2")
    running = await enqueue(connection, "gated", 4, GATE)
    await until(lambda: started(crew, 4), "four jobs are running")
    waiting = await enqueue(connection, "gated", 3, GATE)

    boss.send(signal.SIGTERM)
    await until(lambda: logged(boss, "stopping: running jobs finish first"), "it has heard it")
    crew.open_gate("open")

    assert boss.wait() == 0, boss.log.read_text()
    assert await record(connection) == dict.fromkeys(running, (1, 1))
    left = await connection.fetch("select job_id, attempt from duly.ready")
    assert {(str(row["job_id"]), row["attempt"]) for row in left} == {(job, 0) for job in waiting}
    assert await outcomes(connection) == {"complete"}
    assert not any(is_alive(pid) for pid in boss.children)


async def test_a_second_signal_ends_all_at_once_and_the_jobs_are_rescued(crew, connection):
    boss = crew.start("--processes", "2", "--slots", "2")
    await enqueue(connection, "blocking", 2, GATE)
    await until(lambda: started(crew, 1), "a job is running")

    boss.send(signal.SIGTERM)
    await until(lambda: logged(boss, "stopping: running jobs finish first"), "the first was heard")
    boss.send(signal.SIGTERM)

    assert boss.wait() == 128 + signal.SIGTERM
    assert not any(is_alive(pid) for pid in boss.children)
    assert await connection.fetchval("select count(*) from duly.running") == 0
    assert await unfinished(connection) == 2


async def test_a_rolling_restart_under_load_loses_nothing_and_charges_nothing(
    crew, connection, database_url
):
    producer = Producer(database_url, BACKLOG)
    boss = crew.start("--processes", "2", "--slots", "10")

    async with asyncio.TaskGroup() as group:
        group.create_task(producer.run())
        await until(lambda: ran(crew, 500), "they are at work")
        boss.send(signal.SIGHUP)
        await until(lambda: at_work(boss, 4), "two others are at work")
        await until(lambda: _are_gone(boss.children[:2]), "the first two have ended")
        producer.is_over = True
    await until(lambda: nothing_left(connection), "everything is done")

    assert crew.runs("run") == dict.fromkeys(producer.jobs, 1)
    assert await record(connection) == dict.fromkeys(producer.jobs, (1, 1))
    assert await outcomes(connection) == {"complete"}
    assert await connection.fetchval("select count(*) from duly.worker where died_at is null") == 2


async def test_with_reload_a_change_is_picked_up_once_it_can_be_imported(crew, connection):
    boss = crew.start("--reload")
    handlers = crew.folder / "handlers.py"
    good = handlers.read_text()

    handlers.write_text("this is no Python\n")
    await until(lambda: logged(boss, "the old one stays"), "the new one has failed")
    meanwhile = await _result(connection)
    handlers.write_text(good.replace('"first"', '"the second"'))
    await until(lambda: at_work(boss, 2), "the mended one is at work")
    await until(lambda: _are_gone(boss.children[:1]), "the first has ended")

    assert meanwhile == '"first"'
    assert await _result(connection) == '"the second"'


async def test_a_process_that_has_done_enough_or_has_grown_too_large_is_replaced(crew, connection):
    boss = crew.start("--slots", "5", DULY_MAX_JOBS_PER_PROCESS=20, DULY_MEMORY_LIMIT=150)

    jobs = await enqueue(connection, "short", 30)
    await until(lambda: at_work(boss, 2), "another process is at work")
    await until(lambda: _are_gone(boss.children[:1]), "the first has ended")
    jobs += await enqueue(connection, "hungry", 1, '{"mib": 120}')
    await until(lambda: at_work(boss, 3), "yet another process is at work")
    await until(lambda: _are_gone(boss.children[:2]), "the second has ended")

    log = boss.log.read_text()
    assert log.index("attempts have ended in it") < log.index("MiB of memory")
    assert await record(connection) == dict.fromkeys(jobs, (1, 1))
    assert await outcomes(connection) == {"complete"}


async def test_a_module_that_cannot_be_imported_ends_a_supervisor_at_the_start(crew):
    (crew.folder / "handlers.py").write_text("import nothing_of_that_name\n")

    boss = crew.start_without_waiting("--processes", "1")

    assert boss.wait() == 2
    assert "No module named 'nothing_of_that_name'" in boss.log.read_text()


async def _result(connection):
    """What the handler answers now."""
    (job,) = await enqueue(connection, "quick", 1)
    done = "select result from duly.attempt where job_id = $1 and status = 'done'"
    await until(lambda: connection.fetchval(done, job), "it is done")
    return await connection.fetchval(done, job)


async def _are_gone(pids):
    return not any(is_alive(pid) for pid in pids)

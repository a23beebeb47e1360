"""Worker processes that die: only their own jobs are touched, and those are back at once."""

from __future__ import annotations

import os
import signal
from collections import Counter

from spec.fleet import enqueue, record, until

from .looks import all_are, at_work, nothing_left, outcomes, ran, started, was_rescued

GATE = '{"gate": "open"}'


async def test_the_jobs_of_a_killed_process_are_done_elsewhere_long_before_its_time_to_live(
    crew, connection
):
    boss = crew.start("--processes", "3", "--slots", "8")
    jobs = await enqueue(connection, "gated", 12, GATE)
    await until(lambda: started(crew, 12), "twelve jobs in hand")
    jobs += await enqueue(connection, "short", 500)
    await until(lambda: ran(crew, 30), "and others come and go")
    victim, waited = next((pid, job) for job, _, pid, _ in crew.ledger("start"))

    os.kill(victim, signal.SIGKILL)
    took = await until(lambda: was_rescued(connection, waited), "its jobs are back", within=10)
    crew.open_gate("open")
    await until(lambda: nothing_left(connection), "everything is done")

    print(f"kill -9 of one of three processes: its jobs were back after {took:.2f} s")
    assert took < 10
    assert await record(connection) == dict.fromkeys(jobs, (1, 1))
    lines = crew.ledger("start") + crew.ledger("run")
    assert _run_twice(lines) <= {job for job, _, pid, _ in lines if pid == victim}
    assert await outcomes(connection) == {"complete", "rescue"}
    assert "was ended by SIGKILL; another is started in 0.1 s" in boss.log.read_text()
    await until(lambda: at_work(boss, 4), "another process was started in its place")


async def test_a_handler_that_ends_its_process_ends_no_other_and_fails_after_three_times(
    crew, connection
):
    boss = crew.start("--processes", "2", "--slots", "1")
    (bystander,) = await enqueue(connection, "gated", 1, GATE)
    await until(lambda: started(crew, 1), "a job fills one of them")

    await enqueue(connection, "leaving", 1, '{"code": 0}')
    await until(lambda: all_are(connection, failed=1, processing=1), "the job has failed")
    crew.open_gate("open")
    await until(lambda: nothing_left(connection), "the bystander is done")

    query = "select error from duly.attempt where outcome = 'rescue' order by lease"
    errors = [row["error"] for row in await connection.fetch(query)]
    suspected = "its worker crashed while the job was running"
    assert errors == [suspected, suspected, "crashed its worker 3 times"]
    assert await record(connection) == {bystander: (1, 1)}
    assert crew.runs("start")[bystander] == 1
    assert boss.log.read_text().count("another is started in") == 3


async def test_of_one_poison_job_among_99_good_ones_one_fails_and_99_are_done(crew, connection):
    crew.start("--processes", "2", "--slots", "10")
    good = await enqueue(connection, "short", 50)
    (poison,) = await enqueue(connection, "poison", 1)
    good += await enqueue(connection, "short", 49)

    await until(lambda: all_are(connection, done=99, failed=1), "99 done, 1 failed")

    assert await record(connection) == dict.fromkeys(good, (1, 1))
    last = "select error from duly.attempt where status = 'failed'"
    assert await connection.fetchval(last) == "crashed its worker 3 times"
    assert crew.runs("start") == {poison: 3}


async def test_a_job_that_may_be_tried_once_is_not_run_again_after_a_crash(crew, connection):
    crew.start("--processes", "1")

    await connection.fetch("select duly.enqueue('leaving', '{\"code\": 3}', max_attempts => 1)")
    await until(lambda: all_are(connection, failed=1), "the job has failed")

    assert len(crew.ledger("start")) == 1


def _run_twice(lines):
    counts = Counter(job for job, *_ in lines)
    return {job for job, count in counts.items() if count > 1}

"""Reports and outcomes of one attempt that are written at the same moment."""

from __future__ import annotations

import asyncio
import time

import pytest
from eventually import eventually
from working import working

from duly.jobs.status import JobStatus
from duly.store.attempts import Lane
from duly.store.claimed import Report, Settlement
from duly.store.statements import statement

WAITING = "select count(*) from pg_locks where not granted"


@pytest.fixture
async def work(settings):
    async with working(settings, {}, worker=False, maintenance=False) as opened:
        yield opened


async def claimed(work):
    """A job in the hands of a worker that does nothing with it."""
    await work.enqueue("report")
    store = work.engine.store
    worker = await store.workers.register("test", slots=1, queues=None, job_types=[])
    claim = await store.attempts.claim(Lane("default", 0), worker=worker, cursor=-1, most=1)
    return claim.jobs[0]


def report(job, *, lease=None, lines=("hello",)):
    now = time.monotonic()
    numbered = [(n, now, "info", text) for n, text in enumerate(lines, 1)]
    progress = '{"done": 1, "total": null, "note": null}'
    return Report(job.id, job.lease if lease is None else lease, progress, now, numbered)


async def written(work):
    """The changes in the order of their events, and how many lines there are."""
    changes = await work.sql.fetch("select change from duly.event order by eseq")
    count = await work.sql.fetchval("select count(*) from duly.log")
    return [row["change"] for row in changes], count


async def ask(work, name, *arguments):
    """Run a statement in the transaction that the test has open."""
    return await work.sql.fetch(statement(name).text, *arguments)


async def test_an_outcome_waits_for_a_report_that_is_being_written(work):
    job = await claimed(work)
    attempts = work.engine.store.attempts
    transaction = work.sql.transaction()
    await transaction.start()
    await ask(
        work, "attempts/report", [job.id], [job.lease], ['{"done": 1}'], [0.0], [], [], [], [], []
    )

    settling = asyncio.create_task(attempts.settle([Settlement(job, "complete", JobStatus.DONE)]))
    await eventually(lambda: work.sql.fetchval(WAITING), "the outcome waits")
    await transaction.commit()

    assert await settling == {(job.id, job.lease)}
    assert (await written(work))[0] == ["enqueue", "claim", "progress", "complete"]


async def test_a_report_that_waited_for_an_outcome_writes_nothing(work):
    job = await claimed(work)
    transaction = work.sql.transaction()
    await transaction.start()
    one = [job.id], [job.lease], ["complete"], ["done"], [None], [None], [None], [None], [True]
    assert len(await ask(work, "attempts/settle", *one)) == 1

    reporting = asyncio.create_task(work.engine.store.attempts.report([report(job)]))
    await eventually(lambda: work.sql.fetchval(WAITING), "the report waits")
    await transaction.commit()

    assert await reporting == set()
    assert await written(work) == (["enqueue", "claim", "complete"], 0)
    assert (await work.client.get(job.id)).progress is None


async def test_a_report_of_another_lease_writes_nothing_and_costs_its_neighbours_nothing(work):
    job, neighbour = await claimed(work), await claimed(work)

    current = await work.engine.store.attempts.report(
        [report(job, lease=job.lease + 1_000), report(neighbour)]
    )

    assert current == {neighbour.lease}
    assert (await work.client.get(job.id)).progress is None
    assert (await work.client.get(neighbour.id)).progress is not None
    assert await work.client.logs(job.id) == []


async def test_lines_that_are_written_again_after_a_lost_answer_are_told_once(work):
    job = await claimed(work)
    attempts = work.engine.store.attempts
    await attempts.report([report(job, lines=("one", "two"))])

    await attempts.report([report(job, lines=("one", "two", "three"))])

    assert [line.message for line in await work.client.logs(job.id)] == ["one", "two", "three"]
    told = await work.sql.fetchval("select sum(n) from duly.event where change = 'log'")
    assert told == 3


async def test_of_more_than_a_hundred_lines_the_events_have_rows_of_a_hundred_in_order(work):
    job = await claimed(work)

    await work.engine.store.attempts.report([report(job, lines=[str(n) for n in range(250)])])

    rows = await work.sql.fetch(
        "select n, details from duly.event where change = 'log' order by eseq"
    )
    assert [row["n"] for row in rows] == [100, 100, 50]
    texts = [text for row in rows for text in row["details"]]
    assert all(f'"message": "{n}"' in text for n, text in enumerate(texts))

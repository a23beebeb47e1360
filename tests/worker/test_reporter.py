"""What handlers report is stored while they run, and whole before their outcome."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace

import pytest
from eventually import eventually
from working import working

from duly.config import Secret
from duly.handlers.notebook import FULL
from duly.jobs.outcome import Discard, Snooze
from duly.jobs.status import JobStatus
from duly.postgres.pool import connect
from duly.store.migrate import migrate
from duly.worker.reporter import PATIENCE

DONE, FAILED, CANCELLED = JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED


class Gated:
    """A handler that reports, waits until the test lets it go on, and reports once more."""

    def __init__(self, answer=None):
        self.gate, self.answer = threading.Event(), answer

    def in_thread(self, _payload, ctx):
        ctx.progress(1, 2, "half")
        ctx.log("begun")
        self.gate.wait(20)
        return self._end(ctx)

    async def on_loop(self, _payload, ctx):
        ctx.progress(1, 2, "half")
        ctx.log("begun")
        try:
            await eventually(self.gate.is_set, "the test lets it go on")
        except asyncio.CancelledError:
            ctx.log("stopped", level="warning")
            raise
        return self._end(ctx)

    def _end(self, ctx):
        ctx.progress(2, 2)
        ctx.log("ended", level="debug")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def messages(work, job):
    return [line.message for line in await work.client.logs(job.id)]


async def progress(work, job):
    seen = (await work.client.get(job.id)).progress
    return None if seen is None else (seen.done, seen.total, seen.note)


async def has_ended(dsn, job):
    """Whether the job has, by a connection of its own, while the others find their way back."""
    connection = await connect(dsn, "test")
    try:
        return await connection.fetchval("select 1 from duly.attempt where job_id = $1", job.id)
    finally:
        await connection.close()


async def reported(work, job):
    """Once the first report of a gated handler is stored."""
    await eventually(lambda: progress(work, job), "the first report is stored")


@pytest.mark.parametrize("kind", ["on_loop", "in_thread"])
async def test_a_running_job_shows_what_its_handler_has_reported(settings, kind):
    handler = Gated()
    async with working(settings, {"gated": getattr(handler, kind)}) as work:
        job = await work.enqueue("gated")
        await reported(work, job)

        running, kept = await work.client.get(job.id), await work.client.logs(job.id)
        handler.gate.set()
        ended = await work.ends(job)

        assert running.status is JobStatus.PROCESSING
        assert (running.progress.done, running.progress.total) == (1, 2)
        assert running.progress.note == "half"
        assert running.processing_started_at <= running.progress.at <= ended.finished_at
        assert [(line.attempt, line.level, line.message) for line in kept] == [(1, "info", "begun")]
        assert await progress(work, job) == (2, 2, None)
        assert await messages(work, job) == ["begun", "ended"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (None, DONE),
        (ValueError("no"), FAILED),
        (Discard("no"), FAILED),
        (Snooze(3600), JobStatus.PENDING),
    ],
    ids=["done", "failed", "discarded", "snoozed"],
)
@pytest.mark.parametrize("kind", ["on_loop", "in_thread"])
async def test_the_last_report_is_there_when_the_outcome_is(settings, kind, answer, status):
    handler = Gated(answer)
    handler.gate.set()
    async with working(settings, {"gated": getattr(handler, kind)}) as work:
        jobs = [await work.enqueue("gated", max_attempts=1) for _ in range(20)]
        for job in jobs:
            await work.last_attempt(job)

            assert (await work.client.get(job.id)).status is status
            assert await progress(work, job) == (2, 2, None)
            assert await messages(work, job) == ["begun", "ended"]


async def test_the_last_report_of_a_cancelled_attempt_is_kept(settings):
    handler = Gated()
    async with working(settings, {"gated": handler.on_loop}) as work:
        job = await work.enqueue("gated")
        await reported(work, job)

        await work.client.cancel(job.id)

        assert (await work.ends(job)).status is CANCELLED
        assert await messages(work, job) == ["begun", "stopped"]


async def test_the_last_report_of_an_attempt_that_ran_out_of_time_is_kept(settings):
    handler = Gated()
    timed = (handler.on_loop, {"timeout": 0.1})
    async with working(settings, {"gated": timed}) as work:
        job = await work.ends(await work.enqueue("gated", max_attempts=1))

        assert "ran longer" in job.last_error
        assert await messages(work, job) == ["begun", "stopped"]


@pytest.mark.parametrize("kind", ["on_loop", "in_thread"])
async def test_what_was_reported_before_a_job_is_given_back_is_kept(settings, kind, monkeypatch):
    monkeypatch.setattr("duly.worker.worker.LAST_WAIT", 0.2)
    handler = Gated()
    short = replace(settings, grace=0.1)
    async with working(short, {"gated": getattr(handler, kind)}) as work:
        job = await work.enqueue("gated")
        await reported(work, job)

        await work.engine.worker.stop(0.1)
        handler.gate.set()

        (attempt,) = await work.client.attempts(job.id)
        assert attempt.outcome == "release"
        kept = ["begun", "stopped"] if kind == "on_loop" else ["begun"]
        assert await messages(work, job) == kept


async def test_each_attempt_has_its_lines_and_the_job_the_newest_progress(settings):
    async def third_time(_payload, ctx):
        ctx.progress(ctx.attempt, 3)
        ctx.log(f"try {ctx.attempt}")
        if ctx.attempt < 3:
            raise OSError("later")

    async with working(settings, {"third": third_time}) as work:
        job = await work.enqueue("third", max_attempts=3)
        await work.last_attempt(job)
        await work.advance(1.5)
        await work.last_attempt(job, of=2)
        await work.advance(10)
        await work.ends(job)

        lines = await work.client.logs(job.id)
        second = await work.client.logs(job.id, attempt=2)
        first_two = await work.client.logs(job.id, limit=2)
        rest = await work.client.logs(job.id, after=first_two[-1].position)

        assert [(line.attempt, line.message) for line in lines] == [
            (n, f"try {n}") for n in (1, 2, 3)
        ]
        assert await progress(work, job) == (3, 3, None)
        assert second == lines[1:2]
        assert first_two + rest == lines


async def test_a_flood_of_lines_is_cut_and_says_so(settings):
    def flood(_payload, ctx):
        for n in range(5_000):
            ctx.log(f"line {n}")

    async with working(settings, {"flood": flood}) as work:
        jobs = [await work.enqueue("flood") for _ in range(4)]
        for job in jobs:
            await work.ends(job)

            lines = await work.client.logs(job.id, limit=2_000)
            assert [line.message for line in lines] == [f"line {n}" for n in range(1_000)] + [FULL]
            events = await work.sql.fetch(
                "select n, details from duly.event where change = 'log' and $1 = any(job_ids)",
                job.id,
            )
            assert all(row["n"] == len(row["details"]) <= 100 for row in events)


async def test_hostile_texts_are_stored(settings):
    texts = ["\x00\ud800", "%s {0} $1 '; drop table duly.log; --", "😀" * 3_000, "\u202e\n\t", ""]

    async def hostile(_payload, ctx):
        for text in texts:
            ctx.log(text)
            ctx.progress(1, note=text)

    async with working(settings, {"hostile": hostile}) as work:
        job = await work.ends(await work.enqueue("hostile"))

        stored = ["\ufffd\ufffd", texts[1], "😀" * 1_999 + "…", *texts[3:]]
        assert await messages(work, job) == stored
        assert job.progress.note == ""


async def test_a_handler_with_an_argument_that_is_no_number_fails_its_job(settings):
    async def wrong(_payload, ctx):
        ctx.progress("7")

    async with working(settings, {"wrong": wrong}) as work:
        job = await work.ends(await work.enqueue("wrong", max_attempts=1))

    assert job.status is FAILED
    assert job.last_error.startswith("TypeError: done must be a number, not str")


async def test_what_is_said_after_the_attempt_is_over_is_ignored(settings):
    kept = []

    async def leaving(_payload, ctx):
        ctx.log("in time")
        kept.append(ctx)

    async with working(settings, {"leaving": leaving}) as work:
        job = await work.ends(await work.enqueue("leaving"))

        kept[0].log("too late")
        kept[0].progress(1)
        await work.ends(await work.enqueue("leaving"))

        assert await messages(work, job) == ["in time"]
        assert (await work.client.get(job.id)).progress is None


async def test_a_worker_that_lost_its_lease_writes_nothing_of_what_its_handlers_say(settings):
    lost, other = Gated(), Gated()
    handlers = {"lost": lost.in_thread, "other": other.on_loop}
    async with working(settings, handlers, maintenance=False) as work:
        job = await work.enqueue("lost")
        await reported(work, job)

        work.engine.worker.executor.end_all("drop")
        lost.gate.set()
        await asyncio.wait_for(work.engine.worker.executor.finished(), 20)
        await reported(work, await work.enqueue("other"))  # in a round that has all of them
        other.gate.set()

        assert await messages(work, job) == ["begun"]
        assert await progress(work, job) == (1, 2, "half")
        assert (await work.client.get(job.id)).status is JobStatus.PROCESSING


async def test_nothing_is_lost_while_the_database_is_away(settings, own_postgres):
    dsn = Secret(await asyncio.to_thread(lambda: own_postgres.start().reveal()))
    connection = await connect(dsn, "test")
    await migrate(connection)
    await connection.close()
    handler = Gated()
    here = replace(settings, database_url=dsn)
    async with working(here, {"gated": handler.on_loop}, maintenance=False) as work:
        job = await work.enqueue("gated")
        await reported(work, job)

        await asyncio.to_thread(own_postgres.stop)
        handler.gate.set()
        reporter = work.engine.worker.reporter
        await eventually(lambda: reporter.is_behind, "the attempt has ended")
        await asyncio.to_thread(own_postgres.start)
        await eventually(lambda: has_ended(dsn, job), "the job is done", seconds=60)

        assert (await work.client.get(job.id)).status is DONE
        assert await messages(work, job) == ["begun", "ended"]
        assert await progress(work, job) == (2, 2, None)


async def test_an_outcome_does_not_wait_long_for_a_report_that_cannot_be_written(settings):
    handler = Gated()
    handler.gate.set()
    async with working(settings, {"gated": handler.on_loop}) as work:
        transaction = work.sql.transaction()
        await transaction.start()
        await work.sql.execute("lock table duly.log in access exclusive mode")

        started = time.monotonic()
        job = await work.ends(await work.enqueue("gated"))
        took = time.monotonic() - started
        await transaction.rollback()

        reporter = work.engine.worker.reporter
        await eventually(lambda: not reporter.is_behind, "the late report was refused")
        assert (job.status, job.progress) == (DONE, None)
        assert took < PATIENCE + 3
        assert await messages(work, job) == []

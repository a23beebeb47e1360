"""What becomes of a job, for everything that a handler may do."""

from __future__ import annotations

import dataclasses
import json

import pytest
from eventually import eventually
from working import working

from duly.jobs.outcome import Cancel, Discard, RetryAfter, Snooze
from duly.jobs.status import JobStatus

PENDING, DONE, FAILED, CANCELLED = (
    JobStatus.PENDING,
    JobStatus.DONE,
    JobStatus.FAILED,
    JobStatus.CANCELLED,
)


async def test_a_job_that_fails_waits_1_5_and_25_seconds_and_has_failed_after_its_last_attempt(
    settings,
):
    async def broken(_payload):
        raise RuntimeError("no luck")

    waits = []
    async with working(settings, {"broken": broken}) as work:
        job = await work.enqueue("broken", max_attempts=4)
        for attempt in (1, 2, 3):
            seen = await work.becomes(job, PENDING, attempts=attempt)
            tried = await work.last_attempt(job, of=attempt)
            waits.append((seen.scheduled_at - tried.finished_at).total_seconds())
            await work.advance(60.0 * attempt)
        ended = await work.ends(job)
        history = await work.client.attempts(job.id)

    for wait, least in zip(waits, (1, 5, 25), strict=True):
        assert least <= wait <= least * 1.1
    assert (ended.status, ended.attempts) == (FAILED, 4)
    assert ended.last_error.startswith("RuntimeError: no luck")
    assert [(one.attempt, one.outcome, one.status) for one in history] == [
        (1, "fail", PENDING), (2, "fail", PENDING), (3, "fail", PENDING), (4, "fail", FAILED),
    ]  # fmt: skip


async def test_a_job_that_failed_once_is_done_by_its_second_attempt_and_keeps_its_last_error(
    settings,
):
    async def flaky(_payload, ctx):
        if ctx.attempt == 1:
            raise OSError("the first try never works")
        return {"tries": ctx.attempt}

    async with working(settings, {"flaky": flaky}) as work:
        job = await work.enqueue("flaky")
        await work.becomes(job, PENDING, attempts=1)
        await work.advance(2)
        ended = await work.ends(job)

    assert (ended.status, ended.attempts) == (DONE, 2)
    assert json.loads(bytes(ended.result)) == {"tries": 2}
    assert ended.last_error.startswith("OSError: the first try never works")


async def test_the_error_of_a_failure_shows_where_the_handler_broke(settings):
    def deep(_payload):
        raise KeyError("the missing one")

    async def broken(payload):
        deep(payload)

    async with working(settings, {"broken": broken}) as work:
        ended = await work.ends(await work.enqueue("broken", max_attempts=1))

    assert ended.last_error.startswith("KeyError: 'the missing one'")
    assert "in broken" in ended.last_error
    assert "in deep" in ended.last_error
    assert "duly/worker" not in ended.last_error


async def test_a_job_of_an_unknown_type_fails_at_once_and_says_which_types_are_known(settings):
    async with working(settings, {"known": _nothing, "other": _nothing}) as work:
        ended = await work.ends(await work.enqueue("unheard-of", max_attempts=5))

    assert (ended.status, ended.attempts) == (FAILED, 1)
    assert "unheard-of" in ended.last_error
    assert "known, other" in ended.last_error


async def test_a_job_is_left_to_a_live_worker_that_knows_its_type(settings):
    async with working(settings, {"old": _nothing}) as work:
        job = await work.enqueue("new", max_attempts=1)
        await work.becomes(job, FAILED)
        async with working(settings, {"new": _nothing}, maintenance=False) as deployed:
            jobs = [await work.enqueue("new", max_attempts=1) for _ in range(20)]
            ended = [await work.ends(one) for one in jobs]
            knows = deployed.engine.worker.name

        attempts = [await work.client.attempts(one.id) for one in jobs]

    assert [(one.status, one.attempts) for one in ended] == [(DONE, 1)] * 20
    assert {(len(some), some[-1].worker) for some in attempts} == {(1, knows)}


async def test_a_job_of_a_type_that_nobody_knows_can_be_parked_until_somebody_does(settings):
    settings = dataclasses.replace(settings, unknown_job_types="park")
    async with working(settings, {"old": _nothing}) as work:
        job = await work.enqueue("new", max_attempts=1)

        async def is_parked():
            return await work.sql.fetchval(
                "select attempt = 0 and run_at > now() + interval '10 seconds'"
                " from duly.scheduled where job_id = $1",
                job.id,
            )

        assert await eventually(is_parked, "the job waits for a worker that knows it")
        async with working(settings, {"new": _nothing}, maintenance=False):
            await work.advance(120)
            ended = await work.ends(job)

    assert (ended.status, ended.attempts) == (DONE, 1)


@pytest.mark.parametrize("way", ["returned", "raised"])
async def test_a_snooze_does_not_count_as_an_attempt(settings, way):
    calls = []

    async def sleepy(_payload, ctx):
        calls.append(ctx.attempt)
        if len(calls) <= 3:
            return _answer(way, Snooze(40))
        return "awake"

    async with working(settings, {"sleepy": sleepy}) as work:
        job = await work.enqueue("sleepy", max_attempts=1)
        for snoozes in (1, 2, 3):
            tried = await work.last_attempt(job, of=snoozes)
            seen = await work.client.get(job.id)
            assert (seen.status, seen.attempts, tried.outcome) == (PENDING, 0, "snooze")
            assert (seen.scheduled_at - tried.finished_at).total_seconds() == pytest.approx(40)
            await work.advance(60.0 * snoozes)
        ended = await work.ends(job)

    assert (ended.status, ended.attempts, ended.last_error) == (DONE, 1, None)
    assert calls == [1, 1, 1, 1]


@pytest.mark.parametrize("way", ["returned", "raised"])
async def test_a_discarded_job_fails_although_it_has_attempts_left(settings, way):
    async def hopeless(_payload):
        return _answer(way, Discard("the address does not exist"))

    async with working(settings, {"hopeless": hopeless}) as work:
        job = await work.enqueue("hopeless", max_attempts=9)
        ended = await work.ends(job)
        tried = await work.last_attempt(job)

    assert (ended.status, ended.attempts) == (FAILED, 1)
    assert ended.last_error == "the address does not exist"
    assert tried.outcome == "discard"


@pytest.mark.parametrize("way", ["returned", "raised"])
async def test_a_handler_may_cancel_its_own_job(settings, way):
    async def unwanted(_payload):
        return _answer(way, Cancel("the order was withdrawn"))

    async with working(settings, {"unwanted": unwanted}) as work:
        job = await work.enqueue("unwanted")
        ended = await work.ends(job)
        tried = await work.last_attempt(job)

    assert (ended.status, tried.outcome) == (CANCELLED, "cancel")
    assert ended.last_error == "the order was withdrawn"


@pytest.mark.parametrize("way", ["returned", "raised"])
async def test_a_retry_after_replaces_the_back_off_and_counts(settings, way):
    async def throttled(_payload):
        return _answer(way, RetryAfter(77, "too many requests"))

    async with working(settings, {"throttled": throttled}) as work:
        job = await work.enqueue("throttled", max_attempts=2)
        seen = await work.becomes(job, PENDING, attempts=1)
        tried = await work.last_attempt(job)
        await work.advance(80)
        ended = await work.ends(job)

    assert (seen.scheduled_at - tried.finished_at).total_seconds() == pytest.approx(77)
    assert seen.last_error == "too many requests"
    assert (ended.status, ended.attempts) == (FAILED, 2)


async def test_an_error_that_postgresql_cannot_store_is_stored_cleaned(settings):
    async def broken(_payload):
        raise ValueError("nul \x00 and half a letter \ud83d, then a whole one 😀")

    async with working(settings, {"broken": broken}) as work:
        ended = await work.ends(await work.enqueue("broken", max_attempts=1))

    assert ended.status is FAILED
    assert "nul \ufffd and half a letter \ufffd, then a whole one 😀" in ended.last_error


async def test_an_error_of_a_million_letters_is_stored_shortened(settings):
    async def broken(_payload):
        raise ValueError("ä" * 1_000_000 + " the cause")

    async with working(settings, {"broken": broken}) as work:
        ended = await work.ends(await work.enqueue("broken", max_attempts=1))

    assert len(ended.last_error.encode()) <= 8_000
    assert ended.last_error.startswith("ValueError: ää")
    assert "the cause" in ended.last_error


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (object(), "is not JSON"),
        (float("nan"), "nan is not JSON"),
        ({"text": "a\x00b"}, "U+0000"),
        (10**50, "digits"),
        ("x" * 70_000, "over 65536 bytes"),
        (["😀" * 20_000], "over 65536 bytes"),
    ],
    ids=["no JSON", "NaN", "NUL", "long number", "long", "long in bytes"],
)
async def test_a_result_that_cannot_be_stored_fails_its_job_at_once(settings, answer, complaint):
    async def generous(_payload):
        return answer

    async with working(settings, {"generous": generous}) as work:
        ended = await work.ends(await work.enqueue("generous"))

    assert (ended.status, ended.attempts, ended.result) == (FAILED, 1, None)
    assert complaint in ended.last_error


async def test_a_payload_that_does_not_fit_the_annotated_type_fails_its_job_at_once(settings):
    async def add(payload: dict[str, int]):
        return sum(payload.values())

    async with working(settings, {"add": add}) as work:
        fits = await work.ends(await work.enqueue("add", {"a": 1, "b": 2}))
        by_sql = """select duly.enqueue('add', '{"a": "one"}')"""
        fails = await work.ends(await work.sql.fetchval(by_sql))

    assert (fits.status, bytes(fits.result)) == (DONE, b"3")
    assert (fails.status, fails.attempts) == (FAILED, 1)
    assert "expected `int`, got `str`" in fails.last_error


async def test_a_handler_has_its_own_back_off(settings):
    async def broken(_payload):
        raise RuntimeError("no luck")

    listed, counted = {"backoff": [3.0, 30.0]}, {"backoff": lambda attempt: 10.0 * attempt}
    handlers = {"listed": (broken, listed), "counted": (broken, counted)}
    waits = {"listed": [], "counted": []}
    async with working(settings, handlers) as work:
        for name, waited in waits.items():
            job = await work.enqueue(name, max_attempts=4)
            for attempt in (1, 2, 3):
                seen = await work.becomes(job, PENDING, attempts=attempt)
                tried = await work.last_attempt(job, of=attempt)
                waited.append((seen.scheduled_at - tried.finished_at).total_seconds())
                await work.advance(1_000.0 * (attempt + 4 * (name == "counted")))

    assert waits == {"listed": [3.0, 30.0, 30.0], "counted": [10.0, 20.0, 30.0]}


@pytest.mark.parametrize(
    ("error", "status", "attempts", "told"),
    [
        (KeyError("ada"), FAILED, 1, "no such user\n\nKeyError: 'ada'"),
        (ConnectionResetError("gone"), PENDING, 1, "busy"),
        (LookupError("elsewhere"), PENDING, 1, "LookupError: elsewhere"),
        (ZeroDivisionError(), PENDING, 1, "and what was to be done then broke: TypeError"),
    ],
)
async def test_a_handler_says_what_its_errors_mean(settings, error, status, attempts, told):
    async def fails(_payload):
        raise error

    on_error = {
        KeyError: Discard("no such user"),
        OSError: lambda error: RetryAfter(77, f"busy: {error}"),
        LookupError: lambda _error: None,
        ZeroDivisionError: lambda: None,
    }
    async with working(settings, {"fails": (fails, {"on_error": on_error})}) as work:
        job = await work.enqueue("fails")
        seen = await work.becomes(job, status, attempts=attempts)
        tried = await work.last_attempt(job)

    assert told in seen.last_error
    assert "in fails" in seen.last_error
    if isinstance(error, OSError):
        assert (seen.scheduled_at - tried.finished_at).total_seconds() == 77


async def _nothing(_payload):
    return None


def _answer(way, outcome):
    if way == "raised":
        raise outcome
    return outcome

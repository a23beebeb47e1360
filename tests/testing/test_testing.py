"""What a test asks of the jobs of an app, and what it lets happen to them."""

from __future__ import annotations

import asyncio

import pytest

from duly import Duly, Settings, Snooze
from duly.errors import NotAllowed, SchemaTooOld
from duly.testing import Testing


@pytest.fixture
def app():
    made = Duly(Settings())

    @made.handler("greet", queue="mail")
    async def greet(payload):
        return f"Hello {payload['name']}"

    return made


@pytest.fixture
def testing(app, database_url):
    tested = Testing(app, database_url)
    with tested.in_place():
        yield tested


async def test_the_app_uses_the_database_of_the_test_and_its_own_again_after_it(app, database_url):
    before = app.settings

    with Testing(app, database_url).in_place():
        async with app:
            await app.enqueue("greet", {"name": "Ada"})
        inside = app.settings.database_url

    assert inside.reveal() == database_url
    assert app.settings is before


def test_a_database_that_is_not_named_for_tests_is_refused(app):
    with pytest.raises(ValueError, match="'shop' is not the name of a database for tests"):
        Testing(app, "postgresql://shop:secret@db/shop")


async def test_what_waits_is_found_by_what_is_in_it(app, testing):
    async with app:
        await app.enqueue("greet", {"name": "Ada", "at": {"city": "London", "year": 1843}})
        await app.enqueue("greet", {"name": "Bob"}, tags=["b"], delay=60)

    (ada,) = await testing.assert_enqueued("greet", {"at": {"year": 1843}}, queue="mail")
    (bob,) = await testing.assert_enqueued("greet", lambda payload: "B" in payload["name"])

    assert [job.id for job in await testing.enqueued("greet")] == [ada.id, bob.id]
    assert await testing.assert_enqueued("greet", tags=["b"], count=1) == [bob]
    assert await testing.assert_enqueued("greet", queue="other", count=0) == []


async def test_the_error_of_an_assertion_shows_the_nearest_misses_first(app, testing):
    async with app:
        await app.enqueue("farewell", {"name": "Eve"})
        await app.enqueue("greet", {"name": "Eve", "n": 1})
        await app.enqueue("greet", {"name": "Bob"}, queue="sms")

    with pytest.raises(AssertionError) as raised:
        await testing.assert_enqueued("greet", {"name": "Ada"}, queue="mail", tags=["x"])

    told = str(raised.value).splitlines()
    assert told[0] == (
        "expected at least one job 'greet' with {\"name\":\"Ada\"} in queue 'mail' tagged x,"
        " found 0."
    )
    assert [line.split()[0] for line in told if line.startswith("  ") and line[2] != " "] == [
        "greet",
        "greet",
        "farewell",
    ]
    assert "    payload.name: is 'Eve', expected 'Ada'" in told
    assert "    queue: is 'sms', expected 'mail'" in told
    assert "    tags: are [], without x" in told


async def test_a_wrong_count_is_told_with_the_right_one(app, testing):
    async with app:
        await app.enqueue("greet", {"name": "Ada"})

    with pytest.raises(AssertionError, match="expected 2 jobs 'greet', found 1"):
        await testing.assert_enqueued("greet", count=2)
    with pytest.raises(AssertionError, match="expected 0 jobs 'greet', found 1"):
        await testing.assert_enqueued("greet", count=0)


async def test_a_drain_runs_what_is_due_in_order_and_what_that_enqueues(app, testing):
    @app.handler("chain")
    async def chain(payload):
        if payload["n"]:
            await chain.enqueue({"n": payload["n"] - 1}, priority=5)

    async with app:
        await chain.enqueue({"n": 2})
        await app.enqueue("greet", {"name": "Ada"}, queue="default")
        await app.enqueue("greet", {"name": "Bob"}, delay=60)
        drained = await testing.drain()

    assert [one.job.job_type for one in drained] == ["chain", "chain", "chain", "greet"]
    assert drained.counts == {"done": 4}
    assert len(await testing.enqueued()) == 1


async def test_a_drain_of_some_queues_leaves_the_others(app, testing):
    async with app:
        await app.enqueue("greet", {"name": "Ada"})
        await app.enqueue("greet", {"name": "Bob"}, queue="sms")

    drained = await testing.drain(queues=["sms"])

    assert [one.result for one in drained] == ["Hello Bob"]


async def test_a_drain_of_what_is_scheduled_goes_through_every_attempt(app, testing):
    @app.handler("moody", max_attempts=3)
    async def moody(payload, ctx):
        if ctx.attempt == 1 and not payload.get("woken"):
            raise OSError("cold")
        raise ValueError("never")

    async with app:
        handle = await moody.enqueue({})
        later = await app.enqueue("greet", {"name": "Ada"}, delay=86_400)

    drained = await testing.drain(scheduled=True)

    assert [one.outcome for one in drained] == ["fail", "fail", "fail", "complete"]
    assert [job.id for job in drained.jobs] == [handle.id, later.id]
    assert drained.counts == {"failed": 1, "done": 1}
    with pytest.raises(AssertionError, match=r"(?s)is failed after attempt 3/3 .*never"):
        drained.check()


async def test_jobs_without_end_are_told_apart(app, testing):
    @app.handler("restless")
    async def restless(payload):
        raise Snooze(60)

    async with app:
        await restless.enqueue({})

    with pytest.raises(AssertionError, match="no end after 5 attempts: .*restless: snooze"):
        await testing.drain(scheduled=True, most=5)


async def test_a_handler_that_hangs_is_named(app, testing):
    @app.handler("stuck")
    async def stuck(payload):
        await asyncio.Event().wait()

    async with app:
        await stuck.enqueue({})

    with pytest.raises(TimeoutError, match=r"\(stuck\) still runs after 0.2 s"):
        await testing.drain(timeout=0.2)


async def test_a_job_is_run_before_its_time_and_only_when_it_waits(app, testing):
    async with app:
        handle = await app.enqueue("greet", {"name": "Ada"}, delay=3_600)

    ran = await testing.run_job(handle)

    ran.check()
    assert ran.result == "Hello Ada"
    with pytest.raises(NotAllowed, match="is done: claim is possible only"):
        await testing.run_job(handle.id)


async def test_a_job_of_a_type_that_nobody_knows_fails_in_a_drain(app, testing):
    async with app:
        await app.enqueue("nobody-knows", {})

    (ran,) = await testing.drain()

    assert ran.job.status == "failed"
    with pytest.raises(AssertionError, match="No handler is registered"):
        ran.check()


async def test_the_clock_moves_as_often_as_it_is_told_to(app, testing):
    async with app:
        await app.enqueue("greet", {"name": "Ada"}, delay=100)

    await testing.advance(60)
    early = await testing.drain()
    await testing.advance(60)
    due = await testing.drain()

    assert (len(early), len(due)) == (0, 1)


def test_a_database_without_the_schema_is_told(app, postgres):
    postgres.run("create database bare_test")
    try:
        with pytest.raises(SchemaTooOld, match="duly db migrate"):
            asyncio.run(Testing(app, postgres.url("bare_test")).drain())
    finally:
        postgres.run("drop database bare_test with (force)")

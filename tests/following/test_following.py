"""The events of jobs as an asynchronous iterator."""

from __future__ import annotations

import asyncio

import pytest
from eventually import eventually
from spec.faults import kill_postgres
from working import working

from duly import Duly, Event, JobStatus, Reset, Settings


async def nothing(_payload: object) -> None:
    pass


async def take(following, count):
    async with asyncio.timeout(20):
        return [await anext(following) for _ in range(count)]


def changes(events):
    return [event.change for event in events]


async def test_what_happens_is_told_where_neither_server_nor_worker_runs_at_all(app):
    async with app.events() as following:
        job = await app.enqueue("nothing")
        await job.cancel()
        events = await take(following, 2)

    assert changes(events) == ["enqueue", "cancel"]
    assert {event.job_id for event in events} == {job.id}


async def test_events_are_taken_with_a_bare_async_for(app, settings):
    seen = []
    async with working(settings, {"nothing": nothing}):
        job = await app.enqueue("nothing")
        async with asyncio.timeout(20):
            async for event in app.events(after="0"):
                assert isinstance(event, Event)
                seen.append(event.change)
                if event.status is JobStatus.DONE:
                    break

    assert seen == ["enqueue", "claim", "complete"]
    assert (await job.wait(0)).status is JobStatus.DONE


async def test_following_starts_now_unless_it_is_told_otherwise(app):
    await app.enqueue("nothing", tags=["early"])
    async with app.events(after="0") as all_of_it:
        await take(all_of_it, 1)

    async with app.events() as following:
        await app.enqueue("nothing", tags=["late"])
        (event,) = await take(following, 1)

    assert event.tags == ("late",)


async def test_following_goes_on_after_a_position(app):
    jobs = [await app.enqueue("nothing") for _ in range(3)]
    async with app.events(after="0") as following:
        first, *_ = await take(following, 3)

    async with app.events(after=first.position) as again:
        rest = await take(again, 2)

    assert [event.job_id for event in rest] == [job.id for job in jobs[1:]]
    assert again.position == following.position == rest[-1].position


@pytest.mark.parametrize(
    "filters",
    [
        {"job_type": "wanted"},
        {"queue": "wanted"},
        {"tag": "wanted"},
        {"status": JobStatus.CANCELLED},
        {"status": "cancelled"},
    ],
)
async def test_a_filter_narrows_the_events(app, filters):
    async with app.events(**filters) as following:
        await app.enqueue("nothing")
        wanted = await app.enqueue("wanted", queue="wanted", tags=["wanted"])
        await wanted.cancel()
        (event,) = await take(following, 1)

    assert event.job_id == wanted.id


async def test_what_handlers_report_comes_only_when_it_is_included(app, connection):
    job = await app.enqueue("nothing")
    for change in ("progress", "log"):
        await connection.execute(
            "insert into duly.event (change, status, n, job_ids, attempts, details)"
            " values ($1, 'processing', 1, array[$2::uuid], array[1], array['{}'::jsonb])",
            change, job.id,
        )  # fmt: skip
    await job.cancel()

    async with app.events(after="0") as plain, app.events(after="0", include=["log"]) as logs:
        plain_changes = changes(await take(plain, 2))
        log_changes = changes(await take(logs, 3))

    assert plain_changes == ["enqueue", "cancel"]
    assert log_changes == ["enqueue", "log", "cancel"]


async def test_a_position_of_another_history_is_answered_with_a_reset(app):
    async with app.events(after="elsewhere.7") as following:
        (reset,) = await take(following, 1)
        await app.enqueue("nothing")
        (event,) = await take(following, 1)

    assert isinstance(reset, Reset) and "another history" in reset.reason
    assert event.change == "enqueue"


async def test_following_ends_when_the_app_is_closed(settings):
    async with Duly(settings) as app:
        following = await app.events().__aenter__()
        waiting = asyncio.create_task(anext(following, "the end"))

    async with asyncio.timeout(5):
        assert await waiting == "the end"


async def test_following_misses_nothing_when_the_database_is_killed(own_postgres):
    dsn = await asyncio.to_thread(own_postgres.start)
    async with Duly(Settings(database_url=dsn)) as app, app.events(after="0") as following:
        made = [(await app.enqueue("nothing")).id for _ in range(3)]
        await take(following, 2)
        kill_postgres(own_postgres)
        taking = asyncio.create_task(take(following, 4))
        await asyncio.to_thread(own_postgres.start)
        made += [await eventually(lambda: enqueued(app), "a job is accepted") for _ in range(3)]
        events = await taking

    assert [event.job_id for event in events] == made[2:]


async def enqueued(app):
    try:
        return (await app.enqueue("nothing")).id
    except Exception:  # noqa: BLE001 - whatever it says while it starts
        return None

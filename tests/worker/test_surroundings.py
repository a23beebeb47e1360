"""Resources that a worker holds open for its handlers, and what is done around every handler."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from eventually import eventually

from duly import Context, Discard, Duly, JobFailed


@pytest.fixture
def app(settings):
    return Duly(settings)


@pytest.fixture
def diary():
    return []


async def test_a_resource_is_opened_once_per_worker_and_given_by_name(app, diary):
    @app.resource
    @asynccontextmanager
    async def store():
        diary.append("open")
        yield {"ada": "Lovelace"}
        diary.append("closed")

    @app.resource
    @asynccontextmanager
    async def unwanted():
        diary.append("unwanted")
        yield None

    @app.handler("async")
    async def look_up(payload: str, *, store: dict[str, str]):
        return store[payload]

    @app.handler("thread")
    def look_up_in_thread(payload: str, ctx: Context, *, store: dict[str, str]):
        return f"{store[payload]} {ctx.attempt}"

    async with app, app.worker():
        answers = [
            await (await handler.enqueue("ada")).result(20)
            for handler in (look_up, look_up, look_up_in_thread)
        ]
        assert diary == ["open"]

    assert answers == ["Lovelace", "Lovelace", "Lovelace 1"]
    assert diary == ["open", "closed"]


async def test_a_resource_that_nobody_registered_is_told_when_the_worker_starts(app):
    @app.handler("lost")
    async def lost(_payload: object, *, missing: object):
        return missing

    with pytest.raises(TypeError, match=r"the handler of 'lost' wants 'missing'.*There are: none"):
        async with app.worker():
            pytest.fail("the worker must not start")


async def test_a_resource_that_cannot_be_opened_says_which_it_was_and_closes_the_others(app, diary):
    @app.resource
    @asynccontextmanager
    async def first():
        try:
            yield 1
        finally:
            diary.append("first is closed")

    @app.resource
    @asynccontextmanager
    async def second():
        raise ConnectionRefusedError("nobody listens")
        yield

    @app.handler("both")
    async def both(_payload: object, *, first: int, second: int):
        return first + second

    with pytest.raises(ConnectionRefusedError) as broken:
        async with app.worker():
            pytest.fail("the worker must not start")

    assert broken.value.__notes__ == ["while the resource 'second' was opened for a worker"]
    assert diary == ["first is closed"]


async def test_middleware_is_around_every_handler_the_first_outermost(app, diary):
    @app.middleware
    async def outer(payload, ctx, call_next):
        diary.append(f"outer {ctx.job_type}")
        try:
            return await call_next()
        finally:
            diary.append("outer ends")

    @app.middleware
    async def inner(payload, _ctx, call_next):
        if payload == "stop":
            raise Discard("not today")
        return [await call_next()]

    @app.handler("async")
    async def as_it_is(payload: str):
        return payload

    @app.handler("thread")
    def in_thread(payload: str):
        return payload

    async with app, app.worker():
        answers = [await (await one.enqueue("x")).result(20) for one in (as_it_is, in_thread)]
        with pytest.raises(JobFailed, match="not today"):
            await (await as_it_is.enqueue("stop")).result(20)

    assert answers == [["x"], ["x"]]
    around = ["outer async", "outer ends"]
    assert diary == [*around, "outer thread", "outer ends", *around]


async def test_a_handler_submits_jobs_by_its_app_also_where_only_the_worker_is_open(app, diary):
    @app.handler("first")
    async def first(payload: str):
        await app.enqueue("second", payload)

    @app.handler("second")
    async def second(payload: str):
        diary.append(payload)

    async with Duly(app.settings) as other, app.worker():
        await (await other.enqueue("first", "told")).result(20)
        await eventually(lambda: diary == ["told"], "the second job was done")
    with pytest.raises(RuntimeError, match="open the app first"):
        await app.enqueue("second", "x")

"""How handlers are registered, found, and given their payload."""

from __future__ import annotations

import asyncio
import math
from typing import ClassVar
from uuid import uuid4

import msgspec
import pytest

from duly.errors import PayloadRefused, UnknownJobType
from duly.handlers.context import Context
from duly.handlers.registry import HandlerRegistry


class Greeting(msgspec.Struct):
    name: str
    times: int = 1


class Greeter:
    job_type: ClassVar[str] = "greet"
    queue: ClassVar[str] = "polite"
    max_attempts: ClassVar[int] = 7
    timeout: ClassVar[float] = 2.5

    def __init__(self):
        self.closed = 0

    async def execute(self, payload: Greeting):
        return f"Hello {payload.name}" * payload.times

    async def close(self):
        self.closed += 1


@pytest.fixture
def registry():
    return HandlerRegistry()


@pytest.fixture
def ctx():
    return Context(
        job_id=uuid4(), job_type="greet", queue="default", attempt=1, max_attempts=3, lease=1
    )


async def test_an_object_with_execute_is_a_handler_with_its_own_defaults(registry, ctx):
    registry.register(Greeter())

    found = registry.lookup("greet")

    assert (found.queue, found.max_attempts, found.timeout) == ("polite", 7, 2.5)
    assert found.is_async
    assert await found.call(found.decode('{"name": "Ada", "more": 1}'), ctx) == "Hello Ada"


def test_a_plain_function_may_take_the_context(registry, ctx):
    registry.add("greet", lambda payload, ctx: (payload, ctx.attempt))

    found = registry.lookup("greet")

    assert not found.is_async
    assert found.call(found.decode("[1]"), ctx) == ([1], 1)


def test_a_type_that_is_not_known_is_told_with_those_that_are(registry):
    registry.add("b", lambda payload: None)
    registry.add("a", lambda payload: None)

    with pytest.raises(UnknownJobType, match=r"'c'\. Known here: a, b\."):
        registry.lookup("c")

    assert list(registry) == ["a", "b"]
    assert "a" in registry
    assert "c" not in registry


def test_an_empty_registry_says_so(registry):
    with pytest.raises(UnknownJobType, match="Known here: none"):
        registry.lookup("c")


@pytest.mark.parametrize("payload", ["{}", '{"name": 1}', "[]", "{", '{"name": "x", "times": "2"}'])
def test_a_payload_that_does_not_fit_the_annotation_is_refused(registry, payload):
    registry.register(Greeter())

    with pytest.raises(PayloadRefused, match=r"^\$\.payload"):
        registry.lookup("greet").decode(payload)


def test_a_type_has_one_handler(registry):
    registry.register(Greeter())

    with pytest.raises(ValueError, match="'greet' has a handler already"):
        registry.register(Greeter())


@pytest.mark.parametrize("function", [lambda: None, lambda a, b, c: None])
def test_a_function_of_no_or_three_arguments_is_no_handler(registry, function):
    with pytest.raises(TypeError, match="must take a payload, or payload and ctx"):
        registry.add("greet", function)


async def test_closing_the_registry_closes_the_handlers(registry):
    greeter = Greeter()
    registry.register(greeter)
    registry.add("other", lambda payload: None)

    await registry.close()

    assert greeter.closed == 1


def test_a_handler_does_the_jobs_of_its_old_names(registry):
    registry.add("thumbnail", lambda payload: payload, aliases=("make_thumbnail", "thumb"))

    assert {registry.lookup(name).job_type for name in registry} == {"thumbnail"}
    assert list(registry) == ["make_thumbnail", "thumb", "thumbnail"]
    with pytest.raises(ValueError, match="'thumb' has a handler already"):
        registry.add("another", lambda payload: payload, aliases=("thumb",))
    assert "another" not in registry


def test_a_handler_is_closed_once_whatever_its_names(registry):
    closed = []
    registry.add("a", lambda payload: payload, aliases=("b",), close=lambda: closed.append(1))

    asyncio.run(registry.close())

    assert closed == [1]


@pytest.mark.parametrize("waits", [[], [-1.0], [1.0, math.nan]])
def test_a_back_off_that_cannot_be_waited_for_is_refused(registry, waits):
    with pytest.raises(ValueError, match="backoff needs"):
        registry.add("a", lambda payload: payload, backoff=waits)

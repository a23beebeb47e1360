"""Handlers are typed from the payload that is submitted to the result that comes back.

The type checker runs over this file: each `assert_type` must hold, and each ignored error must be
one, or it complains.
"""

from __future__ import annotations

import dataclasses
from typing import Any, assert_type

import msgspec
import pydantic
import pytest

from duly import Context, Duly, JobFailed, JobHandle, Settings, Snooze
from duly.errors import PayloadRefused


class Picture(msgspec.Struct):
    """What the handlers here are given."""

    url: str
    width: int = 100


@dataclasses.dataclass
class Size:
    """What they answer."""

    width: int
    height: int


class Model(pydantic.BaseModel):
    """The same with pydantic."""

    name: str


def make(app: Duly) -> tuple[Any, ...]:
    """Register handlers of every kind, and say what the checker must see."""

    @app.handler("measure", queue="images")
    async def measure(payload: Picture, ctx: Context) -> Size:
        ctx.progress(1, 2)
        return Size(payload.width, 2 * payload.width)

    @app.handler("plain")
    def plain(payload: Picture) -> Size | Snooze:
        return Size(payload.width, 1)

    @app.handler("model")
    async def model(payload: Model) -> Model:
        return Model(name=payload.name.upper())

    @app.handler("silent")
    async def silent(payload: list[int]) -> None:
        if not payload:
            raise ValueError("nothing to add")

    async def checked() -> None:
        handle = await measure.enqueue(Picture("a"), priority=1, tags=["x"])
        assert_type(handle, JobHandle[Size])
        assert_type(await handle.result(timeout=1), Size)
        assert_type(await (await model.enqueue(Model(name="x"))).result(), Model)
        assert_type(await (await silent.enqueue([1])).result(), None)
        await measure.enqueue("a")  # pyright: ignore[reportArgumentType]
        await measure.enqueue(Picture("a"), priority="high")  # pyright: ignore[reportArgumentType]
        await measure.enqueue(Picture("a"), prio=1)  # pyright: ignore[reportCallIssue]

    assert checked
    return measure, plain, model, silent


@pytest.fixture
async def app(settings: Settings) -> Any:
    """An app that does the jobs of these handlers."""
    return Duly(settings)


async def test_results_come_back_as_what_the_handler_is_annotated_to_return(app: Duly) -> None:
    measure, plain, model, silent = make(app)
    async with app, app.worker():
        sizes = [await measure.enqueue(Picture("a", 3)), await plain.enqueue(Picture("b", 4))]
        named = await model.enqueue(Model(name="ada"))
        nothing = await silent.enqueue([1])

        assert [await one.result(20) for one in sizes] == [Size(3, 6), Size(4, 1)]
        assert await named.result(20) == Model(name="ADA")
        assert await nothing.result(20) is None
        with pytest.raises(JobFailed, match="nothing to add"):
            await (await silent.enqueue([], max_attempts=1)).result(20)
    assert sizes[0].queue == "images"


async def test_a_handler_is_still_the_function_that_it_was(app: Duly) -> None:
    _, plain, model, _ = make(app)

    assert plain(Picture("b", 4)) == Size(4, 1)
    assert await model(Model(name="ada")) == Model(name="ADA")
    assert plain.__name__ == "plain"


async def test_a_payload_that_does_not_fit_is_refused_where_it_is_submitted(app: Duly) -> None:
    measure, *_ = make(app)
    async with app:
        with pytest.raises(PayloadRefused, match=r"^\$\.payload\.url: is missing"):
            await measure.enqueue({"width": 3})

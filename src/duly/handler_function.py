"""A function that is the handler of a job type: still a function, and the way to its jobs."""

from __future__ import annotations

import typing
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import update_wrapper
from typing import Any, Concatenate, Generic, Protocol, TypedDict, TypeVar, Unpack, overload

from .following.handle import JobHandle
from .handlers.payload_type import PayloadType
from .jobs.outcome import Outcome

P = TypeVar("P")
P_contra = TypeVar("P_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
R = TypeVar("R")


class BulkOptions(TypedDict, total=False):
    """How many jobs are to be done; see `Duly.enqueue_many`."""

    queue: str | None
    priority: int
    run_at: datetime | None
    delay: float | None
    max_attempts: int | None
    tags: Sequence[str]
    conn: object


class EnqueueOptions(BulkOptions, total=False):
    """How a job is to be done; see `Duly.enqueue`."""

    unique_key: str | None


Enqueue = Callable[..., Coroutine[Any, Any, JobHandle[Any]]]


class HandlerFunction(Generic[P_contra, R_co]):
    """Call it as the function that it was, or submit jobs for it with `enqueue`."""

    def __init__(self, job_type: str, function: Callable[..., Any], enqueue: Enqueue) -> None:
        self.job_type = job_type
        self._function = function
        self._enqueue = enqueue
        self._result = result_type(function)
        update_wrapper(self, function)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """What the function answers, without a job."""
        return self._function(*arguments, **named)

    def __repr__(self) -> str:
        return f"<HandlerFunction {self.job_type}>"

    async def enqueue(
        self, payload: P_contra, **options: Unpack[EnqueueOptions]
    ) -> JobHandle[R_co]:
        """Submit one job; see `Duly.enqueue`.

        Its `result()` is what the function is annotated to return.
        """
        handle = await self._enqueue(self.job_type, payload, **options)
        return handle.reading(self._result)


class Decorator(Protocol):
    """Makes a function the handler of a job type."""

    @overload
    def __call__(
        self, function: Callable[Concatenate[P, ...], Coroutine[Any, Any, R]], /
    ) -> HandlerFunction[P, R]: ...
    @overload
    def __call__(self, function: Callable[Concatenate[P, ...], R], /) -> HandlerFunction[P, R]: ...
    def __call__(self, function: Callable[..., Any], /) -> HandlerFunction[Any, Any]:
        """Register the function."""
        ...


def result_type(function: Callable[..., Any]) -> PayloadType:
    """How the result of a function is read: as it is annotated, where that can be read from JSON.

    Outcomes such as Snooze, which it may answer as well, are no results.
    """
    try:
        hint = typing.get_type_hints(function).get("return", Any)
        kinds = [one for one in typing.get_args(hint) or (hint,) if not _is_outcome(one)]
        if len(kinds) < len(typing.get_args(hint) or (hint,)):
            hint = typing.Union[tuple(kinds)] if kinds else Any  # noqa: UP007 - made at run time
        return PayloadType(hint)
    except (NameError, TypeError):
        return PayloadType()


def _is_outcome(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Outcome)

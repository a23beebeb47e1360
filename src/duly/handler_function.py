"""A function that is the handler of a job type: still a function, and the way to its jobs."""

from __future__ import annotations

import typing
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from functools import update_wrapper
from typing import Any, Concatenate, Generic, Protocol, TypedDict, TypeVar, Unpack, overload

from .following.handle import JobHandle
from .handlers.payload_type import PayloadType
from .jobs.job import Job
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


class Submits(Protocol):
    """The app, as far as its handlers need it."""

    async def enqueue(
        self, job_type: str, payload: Any = None, **options: Unpack[EnqueueOptions]
    ) -> JobHandle[Any]: ...
    async def enqueue_many(
        self,
        job_type: str,
        payloads: Iterable[Any],
        *,
        unique_keys: Sequence[str | None] | None = None,
        **options: Unpack[BulkOptions],
    ) -> list[JobHandle[Any]]: ...
    def enqueue_sync(
        self, job_type: str, payload: Any = None, **options: Unpack[EnqueueOptions]
    ) -> Job: ...
    def enqueue_many_sync(
        self,
        job_type: str,
        payloads: Iterable[Any],
        *,
        unique_keys: Sequence[str | None] | None = None,
        **options: Unpack[BulkOptions],
    ) -> list[Job]: ...


class HandlerFunction(Generic[P_contra, R_co]):
    """Call it as the function that it was, or submit jobs for it with its `enqueue` methods."""

    def __init__(self, job_type: str, function: Callable[..., Any], app: Submits) -> None:
        self.job_type = job_type
        self._function = function
        self._app = app
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
        handle = await self._app.enqueue(self.job_type, payload, **options)
        return handle.reading(self._result)

    async def enqueue_many(
        self,
        payloads: Iterable[P_contra],
        *,
        unique_keys: Sequence[str | None] | None = None,
        **options: Unpack[BulkOptions],
    ) -> list[JobHandle[R_co]]:
        """Submit a job for each payload, all or none; see `Duly.enqueue_many`."""
        handles = await self._app.enqueue_many(
            self.job_type, payloads, unique_keys=unique_keys, **options
        )
        return [handle.reading(self._result) for handle in handles]

    def enqueue_sync(self, payload: P_contra, **options: Unpack[EnqueueOptions]) -> Job:
        """Submit one job from sync code; see `Duly.enqueue_sync`."""
        return self._app.enqueue_sync(self.job_type, payload, **options)

    def enqueue_many_sync(
        self,
        payloads: Iterable[P_contra],
        *,
        unique_keys: Sequence[str | None] | None = None,
        **options: Unpack[BulkOptions],
    ) -> list[Job]:
        """Submit a job for each payload from sync code; see `Duly.enqueue_many`."""
        return self._app.enqueue_many_sync(
            self.job_type, payloads, unique_keys=unique_keys, **options
        )


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

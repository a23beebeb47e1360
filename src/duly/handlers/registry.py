"""From a job type to the handler that does it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import msgspec

from ..errors import UnknownJobType
from ..jobs.submission import DEFAULT_MAX_ATTEMPTS, DEFAULT_QUEUE
from .context import Context
from .failure_policy import DEFAULT, Backoff, FailurePolicy, OnError
from .handler import Handler
from .payload_type import PayloadType
from .surroundings import Surroundings

OPTIONS = (
    *("queue", "max_attempts", "timeout", "aliases", "check_at_submission", "backoff", "on_error"),
    "close",
)

NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One handler as the registry keeps it. `timeout` is in seconds, None for no limit."""

    job_type: str
    function: Callable[..., Any]
    wants_context: bool
    is_async: bool
    payload_type: PayloadType = field(default_factory=PayloadType)
    queue: str = DEFAULT_QUEUE
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout: float | None = None
    check_at_submission: bool = True
    failures: FailurePolicy = DEFAULT
    close: Callable[[], Any] | None = None
    resources: tuple[str, ...] = ()

    def call(self, payload: Any, ctx: Context, resources: Mapping[str, Any] = NONE) -> Any:
        """The result of the handler, or its awaitable."""
        wanted = {name: resources[name] for name in self.resources} if self.resources else {}
        if self.wants_context:
            return self.function(payload, ctx, **wanted)
        return self.function(payload, **wanted)

    def decode(self, payload: str) -> Any:
        """The payload as the type that the handler is annotated with; raises PayloadRefused."""
        return self.payload_type.decode(payload)


class KnownJobType(msgspec.Struct, frozen=True, kw_only=True):
    """A job type, as it is told to those who submit.

    `payload_schema` is a JSON Schema, None where only a worker elsewhere knows the handler.

    `workers` counts the live workers that do it; `timeout` is in seconds, None for no limit.
    """

    job_type: str
    queue: str = DEFAULT_QUEUE
    max_attempts: int = DEFAULT_MAX_ATTEMPTS
    timeout: float | None = None
    payload_schema: dict[str, Any] | None = None
    workers: int = 0


class HandlerRegistry:
    """Maps job types to handlers; a type has at most one."""

    def __init__(self) -> None:
        self._by_type: dict[str, Registration] = {}
        self.surroundings = Surroundings()

    def register(self, handler: Handler) -> None:
        """Register an object with a `job_type` and an `execute` method."""
        given = {name: getattr(handler, name) for name in OPTIONS if hasattr(handler, name)}
        self.add(handler.job_type, handler.execute, **given)

    def add(
        self,
        job_type: str,
        function: Callable[..., Any],
        *,
        queue: str = DEFAULT_QUEUE,
        max_attempts: int = DEFAULT_MAX_ATTEMPTS,
        timeout: float | None = None,
        aliases: Sequence[str] = (),
        check_at_submission: bool = True,
        backoff: Backoff | None = None,
        on_error: OnError | None = None,
        close: Callable[[], Any] | None = None,
    ) -> Registration:
        """Register a function of one payload, and of a context where it takes two arguments.

        Its keyword-only parameters without a default are resources, which it is given by name.
        `aliases` are further job types, such as those of before a renaming, that it does as well.
        Without `check_at_submission`, a payload that does not fit fails its job instead.
        """
        parameters = _positional(function)
        if not 1 <= len(parameters) <= 2:
            raise TypeError(f"the handler of {job_type!r} must take a payload, or payload and ctx")
        registration = Registration(
            job_type=job_type,
            function=function,
            wants_context=len(parameters) == 2,
            is_async=inspect.iscoroutinefunction(function),
            payload_type=PayloadType(_payload_hint(function, parameters[0])),
            queue=queue,
            max_attempts=max_attempts,
            timeout=timeout,
            check_at_submission=check_at_submission,
            failures=FailurePolicy(DEFAULT.backoff if backoff is None else backoff, on_error or {}),
            close=close,
            resources=_keywords(function),
        )
        names = [job_type, *aliases]
        for name in names:
            if name in self._by_type:
                raise ValueError(f"job type {name!r} has a handler already")
        self._by_type.update(dict.fromkeys(names, registration))
        return registration

    def open_resources(self) -> AbstractAsyncContextManager[dict[str, Any]]:
        """What the handlers want to be held open for them; see `Surroundings.open`."""
        wanted = {name: kind for kind, one in self._by_type.items() for name in one.resources}
        return self.surroundings.open(wanted)

    def lookup(self, job_type: str) -> Registration:
        """The registration of `job_type`; raises UnknownJobType, which names those that exist."""
        try:
            return self._by_type[job_type]
        except KeyError:
            known = ", ".join(sorted(self._by_type)) or "none"
            raise UnknownJobType(job_type=job_type, known=known) from None

    def known_types(self) -> list[KnownJobType]:
        """Every type with its defaults and the schema of its payload, by name."""
        return [
            KnownJobType(
                job_type=name,
                queue=one.queue,
                max_attempts=one.max_attempts,
                timeout=one.timeout,
                payload_schema=one.payload_type.schema(),
            )
            for name, one in sorted(self._by_type.items())
        ]

    def check_payload(self, job_type: str, payload: str, path: str = "$.payload") -> None:
        """Raise PayloadRefused when the handler of `job_type` is known and cannot read this."""
        known = self._by_type.get(job_type)
        if known is None or not known.check_at_submission:
            return
        if not known.payload_type.is_open:
            known.payload_type.decode(payload, path)

    def defaults(self, job_type: str) -> tuple[str, int]:
        """Queue and `max_attempts` for a job that names neither: its handler's, or everybody's."""
        known = self._by_type.get(job_type)
        if known is None:
            return DEFAULT_QUEUE, DEFAULT_MAX_ATTEMPTS
        return known.queue, known.max_attempts

    def __contains__(self, job_type: str) -> bool:
        return job_type in self._by_type

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._by_type))

    async def close(self) -> None:
        """Close what the handlers hold open."""
        for registration in {id(one): one for one in self._by_type.values()}.values():
            if registration.close is not None:
                closing = registration.close()
                if inspect.isawaitable(closing):
                    await closing


def _positional(function: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [
        parameter.name
        for parameter in parameters
        if parameter.kind in kinds
        and (parameter.default is inspect.Parameter.empty or parameter.name == "ctx")
    ]


def _keywords(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        and parameter.default is inspect.Parameter.empty
    )


def _payload_hint(function: Callable[..., Any], parameter: str) -> Any:
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):
        return Any
    return hints.get(parameter, Any)

"""The trait of a handler: one method, `execute`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Protocol, runtime_checkable


@runtime_checkable
class Handler(Protocol):
    """The code for one job type.

    `execute(payload)` or `execute(payload, ctx)`, plain or `async`; a plain one runs in a thread.
    What it returns is the result of the job. What it raises fails the attempt, except an `Outcome`.
    A handler that holds something open may have an `async def close(self)`: it is called once, when
    the worker has stopped.
    """

    job_type: ClassVar[str]

    @property
    def execute(self) -> Callable[..., Any]:
        """The method that does the work of a payload."""
        ...

"""What surrounds every handler: resources that a worker holds open for it, and middleware."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from .context import Context

Resource = Callable[[], AbstractAsyncContextManager[Any]]
CallNext = Callable[[], Awaitable[Any]]
Middleware = Callable[[Any, Context, CallNext], Awaitable[Any]]


class Surroundings:
    """Resources by name, and middleware, the outermost first."""

    def __init__(self) -> None:
        self.resources: dict[str, Resource] = {}
        self.middleware: list[Middleware] = []

    @asynccontextmanager
    async def open(self, wanted: Mapping[str, str]) -> AsyncGenerator[dict[str, Any]]:
        """The wanted resources, open as long as the block lasts; `wanted` says for which job type.

        They are opened in the order of their names' registration and closed in the opposite one.
        Raises TypeError for a name that no resource has.
        """
        for name, job_type in wanted.items():
            if name not in self.resources:
                known = ", ".join(sorted(self.resources)) or "none"
                raise TypeError(
                    f"the handler of {job_type!r} wants {name!r}, and no resource has that name."
                    f" There are: {known}"
                )
        async with AsyncExitStack() as stack:
            opened: dict[str, Any] = {}
            for name, resource in self.resources.items():
                if name in wanted:
                    try:
                        opened[name] = await stack.enter_async_context(resource())
                    except Exception as error:
                        error.add_note(f"while the resource {name!r} was opened for a worker")
                        raise
            yield opened

    async def call(self, handler: CallNext, payload: Any, ctx: Context) -> Any:
        """What the handler answers, with all middleware around it."""

        def around(middleware: Middleware, call_next: CallNext) -> CallNext:
            return lambda: middleware(payload, ctx, call_next)

        call = handler
        for middleware in reversed(self.middleware):
            call = around(middleware, call)
        return await call()

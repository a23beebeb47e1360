"""A connection of the HTTP server that can be cut: to close it in good order takes a reader."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "duly.abort"


class Connection(HttpToolsProtocol):
    """Hands the way to cut it to the application, with each request."""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"abort": self.transport.abort}}


def abort_of(scope: Scope) -> Callable[[], None] | None:
    """What cuts the connection of a request, where its server is ours."""
    extension = scope.get("extensions", {}).get(EXTENSION)
    return None if extension is None else extension["abort"]

"""A connection of the HTTP server that can be cut: to close it in good order takes a reader."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION = "duly.abort"
AT_ONCE = struct.pack("ii", 1, 0)


class Connection(HttpToolsProtocol):
    """Hands the way to cut it to the application, with each request."""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"abort": self._cut}}

    def _cut(self) -> None:
        """Reset the connection.

        Only closed, it would live on in the system for minutes, with all that waits to be sent, and
        the client would not hear of it before it has read everything else.
        """
        door: socket.socket | None = self.transport.get_extra_info("socket")
        if door is not None and not self.transport.is_closing():
            door.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.transport.abort()


def abort_of(scope: Scope) -> Callable[[], None] | None:
    """What cuts the connection of a request, where its server is ours."""
    extension = scope.get("extensions", {}).get(EXTENSION)
    return None if extension is None else extension["abort"]

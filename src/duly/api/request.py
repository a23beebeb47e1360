"""A request as our routes see it: its method, headers, query and bounded body."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Receive, Scope

from ..errors import RequestRefused
from .problems import BodyTooLarge, BodyTooSlow, ClientGone, MediaTypeRefused

BODY_SECONDS = 30
JSON_TYPE = "application/json"
LINES_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl")
UTF8 = ("utf-8", "utf8", "us-ascii")


class Request:
    """One request. Nothing is read from the connection until `body` is asked for."""

    __slots__ = ("_by_name", "_complete", "_receive", "method", "scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self._receive = receive
        self._complete = False
        self._by_name: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            self._by_name.setdefault(name, []).append(value)

    def __repr__(self) -> str:
        return f"{self.method} {self.scope['path']!r}"

    @property
    def query_string(self) -> bytes:
        """What follows the question mark, still encoded."""
        return self.scope.get("query_string", b"")

    @property
    def path_parameters(self) -> dict[str, Any]:
        """The parts of the path that the route left open."""
        return self.scope.get("path_params", {})

    @property
    def has_unread_body(self) -> bool:
        """Whether the client is sending, or about to send, what nobody has read."""
        return not self._complete and (
            bool(self.headers(b"transfer-encoding"))
            or self.headers(b"content-length") not in ([], [b"0"])
        )

    def headers(self, name: bytes) -> list[bytes]:
        """Every value of a header; `name` is in lower case."""
        return self._by_name.get(name, [])

    def header(self, name: bytes) -> str | None:
        """The only value of a header, or None; RequestRefused when it was given more than once."""
        values = self.headers(name)
        if len(values) > 1:
            raise RequestRefused(path=name.decode(), reason="was given more than once")
        return values[0].decode("latin-1").strip() if values else None

    async def body(self, most: int) -> bytes:
        """The whole body.

        Raises BodyTooLarge as soon as it is known to exceed `most` bytes, BodyTooSlow when it is
        not there after 30 seconds, and ClientGone when the client hangs up.
        """
        declared = self.headers(b"content-length")
        if declared and int(declared[0]) > most:
            raise BodyTooLarge(most=most)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read(most)
        except TimeoutError:
            raise BodyTooSlow(seconds=BODY_SECONDS) from None

    async def json_body(self, most: int, *, empty_is_fine: bool = False) -> bytes:
        """The body, after its content type, where there is one, was found to be JSON in UTF-8."""
        if empty_is_fine and not self.has_unread_body:
            return b""
        if self.media_type() not in (None, JSON_TYPE):
            raise MediaTypeRefused(given=self._given_type(), expected=JSON_TYPE)
        return await self.body(most)

    def media_type(self) -> str | None:
        """The content type without parameters, `application/json` for all of its kind, or None.

        A character set other than UTF-8 is refused with MediaTypeRefused.
        """
        given = self.header(b"content-type")
        if not given:
            return None
        kind, *parameters = (part.strip().lower() for part in given.split(";"))
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name == "charset" and value.strip('"') not in UTF8:
                raise MediaTypeRefused(given=self._given_type(), expected=kind)
        is_json = kind.startswith("application/") and kind.endswith("+json")
        return JSON_TYPE if is_json else kind

    def _given_type(self) -> str:
        return repr((self.header(b"content-type") or "")[:100])

    async def _read(self, most: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        while not self._complete:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part: bytes = message.get("body", b"")
            size += len(part)
            self._complete = not message.get("more_body", False)
            if size > most:
                raise BodyTooLarge(most=most)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

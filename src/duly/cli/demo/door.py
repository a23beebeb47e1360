"""The server as any program sees it: JSON over HTTP, and its stream of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import msgspec

from ...config import Secret
from ...errors import Unavailable
from ...events.event import Event


class ServerAway(Unavailable):
    """The server at {url} cannot be reached ({reason}). Is it still running?"""


class Door:
    """A client of one server; `http` is open as long as the door is in use."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    @staticmethod
    def http(url: str, token: Secret | None) -> aiohttp.ClientSession:
        """An HTTP client for the server at `url`."""
        headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        return aiohttp.ClientSession(url, headers=headers, timeout=timeout, raise_for_status=True)

    async def post(self, path: str, body: Any) -> Any:
        """The answer to a JSON body."""
        async with self._http.post(path, json=body) as answer:
            return await answer.json()

    async def get(self, path: str) -> Any:
        """The JSON at `path`."""
        async with self._http.get(path) as answer:
            return await answer.json()

    def stream(self, tag: str) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """The stream of events of the jobs with this tag: once entered, nothing is missed."""
        return self._http.get("/events", params={"tag": tag})


async def read_events(answer: aiohttp.ClientResponse) -> AsyncIterator[Event]:
    """The events of a stream: fields until an empty line, comments left out.

    Raises ServerAway when the stream comes to its end: a server ends it only when it stops.
    """
    fields: dict[str, str] = {}
    async for line in answer.content:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        if name:
            fields[name] = value.removeprefix(" ")
        elif not line.strip():
            if fields.get("event") == "job":
                data = msgspec.json.decode(fields["data"])
                yield msgspec.convert({**data, "position": fields["id"]}, Event)
            fields = {}
    raise ServerAway(url=str(answer.url.origin()), reason="it ended the stream of events")

"""Events on the wire: the answer that does not end, and the streams that are open."""

from __future__ import annotations

import asyncio
from datetime import datetime
from uuid import UUID

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ..errors import DulyError
from ..events.event import Event, Reset
from ..events.feed import Subscription
from ..jobs.status import JobStatus
from .answer import NO_CONTENT_POLICY, SAFE_HEADERS, encode

EVENT_STREAM = b"text/event-stream"
HEADERS = (
    *SAFE_HEADERS,
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"content-security-policy", NO_CONTENT_POLICY),
)
FIRST = b"retry: 1000\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
SEND_SECONDS = 30.0
AT_ONCE = 64


class JobChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The data of a `job` event. `change` is the verb, `status` the one right after it."""

    job_id: UUID
    job_type: str
    queue: str
    change: str
    status: JobStatus
    attempt: int
    at: datetime
    error: str | None = None
    scheduled_at: datetime | None = None
    duration_ms: int | None = None


class OpenStreams:
    """The streams of one server, which would outlive it if nobody ended them."""

    def __init__(self) -> None:
        self._writers: set[asyncio.Task[None]] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._writers)

    def add(self, writer: asyncio.Task[None]) -> None:
        """Keep the task that writes a stream; it is cancelled when the server stops."""
        self._writers.add(writer)
        writer.add_done_callback(self._writers.discard)
        if self._closed:
            writer.cancel()

    def close(self) -> None:
        """End every stream, and each that is opened from now on. Safe to call twice."""
        self._closed = True
        for writer in tuple(self._writers):
            writer.cancel()


class EventStream(Response):
    """Writes what a subscription gives until the client leaves, or the feed or server stops.

    The client is watched beside the writing, so that it is missed at once when it leaves, and not
    only when there is something to tell. A client that takes nothing for 30 seconds is let go.
    """

    def __init__(self, subscription: Subscription, keep_alive: float, streams: OpenStreams) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = [(b"content-type", EVENT_STREAM), *HEADERS]
        self._subscription = subscription
        self._keep_alive = keep_alive
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        writer = asyncio.create_task(self._write(send))
        watcher = asyncio.create_task(_until_gone(receive))
        self._streams.add(writer)
        try:
            await asyncio.wait({writer, watcher}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.cancel()
            watcher.cancel()
            await asyncio.gather(writer, watcher, return_exceptions=True)
            await self._subscription.__aexit__(None, None, None)
        await _end(writer, send)

    async def _write(self, send: Send) -> None:
        headers = self.raw_headers
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": headers,
            }
        )
        await _put(send, FIRST)
        while True:
            try:
                text = await self._text()
            except StopAsyncIteration:
                return
            await _put(send, text)
            await asyncio.sleep(0)  # a client that catches up would leave the others no turn

    async def _text(self) -> bytes:
        """What there is to tell, in one piece; a comment when there was nothing for a while."""
        event = await self._subscription.next(self._keep_alive)
        if event is None:
            return KEEP_ALIVE
        lines = [as_text(event)]
        while len(lines) < AT_ONCE and (event := await self._subscription.next(0)) is not None:
            lines.append(as_text(event))
        return b"".join(lines)


def as_text(event: Event | Reset) -> bytes:
    """One event as the lines of the protocol."""
    position = event.position.encode()
    if isinstance(event, Reset):
        return b"id: %b\nevent: reset\ndata: %b\n\n" % (position, encode(event))
    data = JobChange(
        job_id=event.job_id,
        job_type=event.job_type,
        queue=event.queue,
        change=event.change,
        status=event.status,
        attempt=event.attempt,
        at=event.at,
        error=event.error,
        scheduled_at=event.scheduled_at,
        duration_ms=event.duration_ms,
    )
    return b"id: %b\nevent: job\ndata: %b\n\n" % (position, encode(data))


async def _put(send: Send, text: bytes) -> None:
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.body", "body": text, "more_body": True})


async def _end(writer: asyncio.Task[None], send: Send) -> None:
    """Close the stream in good order; a client that was only cut off would call it an error.

    A slow client and a database that went away are no mistakes of ours, anything else is logged.
    """
    error = None if writer.cancelled() else writer.exception()
    if isinstance(error, TimeoutError):
        return
    if error is not None and not isinstance(error, DulyError):
        raise error
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

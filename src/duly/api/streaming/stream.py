"""Events on the wire: the answer that does not end."""

from __future__ import annotations

import asyncio
import random

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ...errors import DulyError
from ...events.event import Reset
from ...events.subscription import Subscription
from ..answer import NO_CONTENT_POLICY, SAFE_HEADERS
from .change import as_text
from .seats import Seat, Seats

EVENT_STREAM = b"text/event-stream"
HEADERS = (
    *SAFE_HEADERS,
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"content-security-policy", NO_CONTENT_POLICY),
)
COME_BACK_AFTER = 1_000  # milliseconds
COME_BACK_UNTIL = 5_000
PIECE = 65_536
LAST_SECONDS = 1.0


class EventStream(Response):
    """Writes what a subscription gives until the client leaves, or the feed or server stops.

    The client is watched beside the writing, so that it is missed at once when it leaves, and not
    only when there is something to tell. Where a client is told nothing, it is told its position
    from time to time: when it comes back, it need not hear again what it did not want.
    """

    def __init__(
        self, subscription: Subscription, keep_alive: float, seats: Seats, seat: Seat
    ) -> None:
        self.status_code = 200
        self.background = None
        self.raw_headers = [(b"content-type", EVENT_STREAM), *HEADERS]
        self._subscription = subscription
        self._keep_alive = keep_alive
        self._seats = seats
        self._seat = seat

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        writer = self._seat.writer = asyncio.create_task(self._write(send))
        watcher = asyncio.create_task(_until_gone(receive))
        if self._seats.is_closed:
            writer.cancel()
        try:
            await asyncio.wait({writer, watcher}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            writer.cancel()
            is_gone = watcher.done()
            watcher.cancel()
            await asyncio.gather(writer, watcher, return_exceptions=True)
            await self._subscription.__aexit__(None, None, None)
            self._seats.leave(self._seat)
        if not is_gone:
            await self._end(writer, send)

    async def _write(self, send: Send) -> None:
        start = {
            "type": "http.response.start",
            "status": self.status_code,
            "headers": self.raw_headers,
        }
        await send(start)
        await self._put(send, b"retry: %d\n%b" % (COME_BACK_AFTER, self._position()))
        while True:
            try:
                text = await self._text()
            except StopAsyncIteration:
                return
            await self._put(send, text)
            await asyncio.sleep(0)  # a client that catches up would leave the others no turn

    async def _text(self) -> bytes:
        """What there is to tell, in one piece; a comment when there was nothing for a while."""
        page = await self._subscription.next_page(self._keep_alive)
        if page is None:
            return b": keep-alive\n" + self._position()
        if isinstance(page, Reset):
            return as_text(page)
        return page.rendered(self._subscription.filters, as_text)

    def _position(self) -> bytes:
        """Sets where the client goes on, without an event."""
        return b"id: %b\n\n" % self._subscription.position.encode()

    async def _put(self, send: Send, text: bytes) -> None:
        loop = asyncio.get_running_loop()
        for start in range(0, len(text), PIECE):
            self._seat.blocked_since = loop.time()
            piece = text[start : start + PIECE]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            self._seat.blocked_since = None

    async def _end(self, writer: asyncio.Task[None], send: Send) -> None:
        """Close the stream in good order; a client that was only cut off would call it an error.

        All clients of a server that stops are told to come back, but not all in one moment. A slow
        client and a database that went away are no mistakes of ours, anything else is logged.
        """
        error = None if writer.cancelled() else writer.exception()
        if error is not None and not isinstance(error, DulyError):
            raise error
        if self._seat.is_cut or self._seat.blocked_since is not None:
            self._seat.cut()
            return
        pause = random.randint(COME_BACK_AFTER, COME_BACK_UNTIL)
        last = b"retry: %d\n%b" % (pause, self._position())
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await send({"type": "http.response.body", "body": last, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            self._seat.cut()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

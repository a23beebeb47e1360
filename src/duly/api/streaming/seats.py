"""The streams that are open: how many there may be, who of them is stuck, and their common end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ..problems import TooManyStreams, TooManyStreamsOfOne

STUCK_SECONDS = 10.0
WATCH_SECONDS = 1.0


@dataclass(slots=True, eq=False)
class Seat:
    """One open stream. `blocked_since` is when its client began to take nothing of what it got.

    `abort` cuts the connection, where the server lets us.
    """

    address: str
    abort: Callable[[], None] | None = None
    writer: asyncio.Task[None] | None = None
    blocked_since: float | None = None
    is_cut: bool = False

    def cut(self) -> None:
        """Let go of a client that takes nothing: what waits for it would wait for ever."""
        self.is_cut = True
        if self.abort is not None:
            self.abort()
        self.end()

    def end(self) -> None:
        """Write no more."""
        if self.writer is not None:
            self.writer.cancel()


class Seats:
    """At most `most` streams at once, and `most_of_one` of one address."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._taken: set[Seat] = set()
        self._by_address: Counter[str] = Counter()
        self._watching: asyncio.Task[None] | None = None
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._taken)

    def take(self, address: str, abort: Callable[[], None] | None = None) -> Seat:
        """A seat, to be left in the end. Raises TooManyStreams or TooManyStreamsOfOne."""
        if len(self._taken) >= self._most:
            raise TooManyStreams(most=self._most)
        if self._by_address[address] >= self._most_of_one:
            raise TooManyStreamsOfOne(most=self._most_of_one)
        seat = Seat(address, abort)
        self._taken.add(seat)
        self._by_address[address] += 1
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return seat

    def leave(self, seat: Seat) -> None:
        """Give a seat back. Safe to call twice."""
        if seat in self._taken:
            self._taken.discard(seat)
            self._by_address[seat.address] -= 1
            if not self._by_address[seat.address]:
                del self._by_address[seat.address]

    def close(self) -> None:
        """End every stream, and each that is opened from now on. Safe to call twice."""
        self.is_closed = True
        for seat in tuple(self._taken):
            seat.end()

    async def _watch(self) -> None:
        """Look after the streams from outside: who is blocked cannot look after itself."""
        loop = asyncio.get_running_loop()
        while self._taken:
            await asyncio.sleep(WATCH_SECONDS)
            for seat in tuple(self._taken):
                since = seat.blocked_since
                if since is not None and loop.time() - since > STUCK_SECONDS:
                    seat.cut()

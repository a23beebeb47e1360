"""Clients of a storm: they follow the stream, drop at random, and go on at another server."""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from duly.errors import DulyError
from duly.events.event import Event, Reset

from .ledger import Change


class Following(Protocol):
    """A connected stream."""

    @property
    def position(self) -> str: ...

    async def next(self, timeout: float) -> Event | Reset | None: ...


class Door(Protocol):
    """Where a server can be followed. Raises DulyError or OSError while it cannot."""

    def follow(self, after: str, queue: str | None) -> AbstractAsyncContextManager[Following]: ...


class Seen(NamedTuple):
    """An event as it came."""

    position: str
    change: Change
    at: float


class Client:
    """Follows from the start of the stream, of everything or of one queue."""

    def __init__(self, number: int, seed: str, doors: list[Door], queue: str | None) -> None:
        self.number = number
        self.queue = queue
        self.seen: list[Seen] = []
        self.resets: list[Reset] = []
        self.drops = 0
        self.position = "0"
        self._random = random.Random(f"{seed}/client/{number}")
        self._doors = doors
        self._end: int | None = None

    def finish_at(self, end: int) -> None:
        """Nothing comes after this position."""
        self._end = end

    @property
    def is_finished(self) -> bool:
        return self._end is not None and number_of(self.position) >= self._end

    async def run(self) -> None:
        while not self.is_finished:
            door = self._random.choice(self._doors)
            try:
                async with door.follow(self.position, self.queue) as following:
                    await self._follow(following)
            except (DulyError, OSError):
                await asyncio.sleep(0.05)
            self.drops += 1

    async def _follow(self, following: Following) -> None:
        """Take some events, or for some time; then drop: after an event, or while it waits.

        Some of the clients are slow, and some take what they were sent and lose it.
        """
        most = self._random.choice([1, 20, 300, 3_000])
        drop_at = time.monotonic() + self._random.choice([0.02, 0.1, 0.3, 1.0])
        is_slow = self._random.random() < 0.1
        lost = self._random.choice([0, 0, 5])
        count = len(self.seen)
        while len(self.seen) < count + most and not self.is_finished:
            if time.monotonic() > drop_at:
                break
            try:
                async with asyncio.timeout_at(_loop_time(drop_at)):
                    event = await following.next(0.5)
            except TimeoutError:
                break
            if event is None:
                self.position = following.position
                continue
            self._take(event)
            if is_slow and self._end is None:
                await asyncio.sleep(0.005)
        if lost and len(self.seen) - lost > count and not self.resets:
            del self.seen[-lost:]
            self.position = self.seen[-1].position
        elif self._random.random() < 0.5:
            self.position = following.position

    def _take(self, event: Event | Reset) -> None:
        self.position = event.position
        if isinstance(event, Reset):
            self.resets.append(event)
            return
        change = Change(event.job_id, event.change, event.attempt, event.error)
        self.seen.append(Seen(event.position, change, time.monotonic()))


def number_of(position: str) -> int:
    return int(position.rpartition(".")[2])


def _loop_time(monotonic: float) -> float:
    return asyncio.get_running_loop().time() + monotonic - time.monotonic()

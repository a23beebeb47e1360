"""Servers of a storm: feeds in this process, or real servers in processes of their own."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from duly.config import Secret
from duly.events.event import Event, EventFilters, Reset
from duly.events.feed import CHANNEL, Feed
from duly.events.ticker import Ticker
from duly.postgres.listener import Listener
from duly.postgres.pool import Database
from duly.store.stream import Stream

PROGRAM = """
import os, sys
from duly.config import Settings
from duly.handlers.registry import HandlerRegistry
from duly.wiring import run, serve

settings = Settings.from_environment(os.environ)
told = lambda url: print(url, flush=True)
sys.exit(run(serve(settings, HandlerRegistry(), with_worker=False, ready=told)))
"""
SETTINGS = {"DULY_SSE_KEEP_ALIVE": "1", "DULY_STREAMS_PER_ADDRESS": "100"}


class FeedDoor:
    """A feed in this process."""

    def __init__(self, feed: Feed, stream: Stream) -> None:
        self.feed = feed
        self.stream = stream

    def follow(self, after: str | None, queue: str | None = None):
        return self.feed.follow(EventFilters(queue=queue), after=after)


@asynccontextmanager
async def server(dsn: str, stream_type=Stream, feed_type=Feed, *, ticks: bool = True):
    """What one server process has of the stream: a pool, a listener, a feed, and a ticker."""
    database = Database(Secret(dsn), name="storm", size=4)
    await database.open()
    stream = stream_type(database)
    feed = feed_type(stream)
    listener = Listener(Secret(dsn), [CHANNEL], lambda *_: feed.wake())
    parts = [feed, listener, Ticker(stream)] if ticks else [feed, listener]
    loops = [asyncio.create_task(one.run()) for one in parts]
    try:
        yield FeedDoor(feed, stream)
        for loop in loops:
            assert not loop.done(), loop
    finally:
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
        await database.close()


@asynccontextmanager
async def servers(dsn: str, count: int = 3, *, all_tick: bool = False, **types):
    """Several servers. Only one of them ticks, unless it is to be shown that all may."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(server(dsn, **types, ticks=all_tick or n == 0))
            for n in range(count)
        ]


class HttpDoor:
    """A real server in a process of its own, which may be killed and comes back."""

    def __init__(self, dsn: str, folder: Path, number: int) -> None:
        self._environment = {"DATABASE_URL": dsn, "PATH": os.environ["PATH"]}
        self._log = folder / f"server-{number}.log"
        self.url = ""
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Start it, on another port than before."""
        with self._log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM],
                env={**self._environment, "PORT": "0", **SETTINGS},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        ready, _, _ = select.select([self.process.stdout], [], [], 60)
        self.url = self.process.stdout.readline().strip() if ready else ""
        assert self.url, self._log.read_text()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    @asynccontextmanager
    async def follow(self, after: str, queue: str | None = None):
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=60)
        query = {} if queue is None else {"queue": queue}
        try:
            async with (
                aiohttp.ClientSession(self.url, timeout=timeout) as session,
                session.get("/events", params=query, headers={"Last-Event-ID": after}) as answer,
            ):
                if answer.status != 200:
                    raise ConnectionError(answer.status)
                yield HttpFollowing(answer, after)
        except aiohttp.ClientError as error:
            raise ConnectionError from error


class HttpFollowing:
    """One answer of GET /events, read as an EventSource reads it."""

    def __init__(self, answer: aiohttp.ClientResponse, position: str) -> None:
        self.position = position
        self._answer = answer

    async def next(self, timeout: float) -> Event | Reset | None:
        """The next event; None when only the position was told. Waits as long as it takes."""
        fields: dict[str, str] = {}
        while True:
            line = (await self._answer.content.readline()).decode()
            if not line:
                raise ConnectionError
            if line != "\n":
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name] = value
                continue
            self.position = fields.get("id", self.position)
            if "data" in fields:
                return _event(self.position, fields)
            fields = {}
            if self.is_idle:
                return None

    @property
    def is_idle(self) -> bool:
        """Whether all that was sent has been read."""
        return not self._answer.content._buffer


def _event(position: str, fields: dict[str, str]) -> Event | Reset:
    data = {**json.loads(fields["data"]), "position": position}
    return msgspec.convert(data, Reset if fields["event"] == "reset" else Event, strict=False)

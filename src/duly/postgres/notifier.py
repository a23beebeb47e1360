"""Hints to other processes: gathered, after the commit, in a transaction of their own."""

from __future__ import annotations

import asyncio
import logging

from ..errors import DulyError
from .pool import Database

PAUSE = 0.01
SEND = (
    "select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) as t (channel, payload)"
)

logger = logging.getLogger("duly.notifier")


class Notifier:
    """Sends each hint once, however often it was given, and never more than one batch per 10 ms.

    A hint that cannot be sent is dropped: whoever waits for it polls as well.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hints: set[tuple[str, str]] = set()
        self._sending: asyncio.Task[None] | None = None

    def hint(self, channel: str, payload: str) -> None:
        """Let everybody who listens on `channel` know, soon."""
        self._hints.add((channel, payload))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())

    async def close(self) -> None:
        """Send what was given before."""
        if self._sending is not None:
            await self._sending

    async def _send(self) -> None:
        try:
            while self._hints:
                hints, self._hints = list(self._hints), set()
                await self._database.fetch(
                    SEND, [channel for channel, _ in hints], [payload for _, payload in hints]
                )
                await asyncio.sleep(PAUSE)
        except DulyError as error:
            logger.debug("hints were not sent: %s", error)
            self._hints.clear()
        finally:
            self._sending = None

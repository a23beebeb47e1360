"""The one LISTEN connection of a process: heals itself, and says when it may have missed something.

A notification is a hint and never a fact. Whoever listens must look for itself after every
`on_hint`, and also without one from time to time.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from ..config import Secret
from ..errors import DulyError
from .failures import AWAY
from .pool import Connection, connect

PROBE_EVERY = 5.0
PROBE_DEADLINE = 3.0
LONGEST_WAIT = 5.0

logger = logging.getLogger("duly.listener")


class Listener:
    """Calls `on_hint(channel, payload)` for every notification.

    After every (re)connect each channel gets one with an empty payload: what was sent meanwhile is
    gone.
    """

    def __init__(
        self, dsn: Secret, channels: Sequence[str], on_hint: Callable[[str, str], None]
    ) -> None:
        self._dsn = dsn
        self._channels = tuple(channels)
        self._on_hint = on_hint
        self.is_listening = False

    async def run(self) -> None:
        """Listen until cancelled. A connection that died, also silently, is replaced."""
        failures = 0
        while True:
            try:
                connection = await connect(self._dsn, "listener")
                try:
                    await self._listen(connection)
                    failures = 0
                    await self._watch(connection)
                finally:
                    self.is_listening = False
                    connection.terminate()
            except (DulyError, *AWAY) as error:
                failures += 1
                if failures == 1:
                    logger.warning("listening stopped (%s); polling until it is back", error)
            longest = min(LONGEST_WAIT, 0.1 * 2**failures)
            await asyncio.sleep(random.uniform(0.02, longest))

    async def _listen(self, connection: Connection) -> None:
        for channel in self._channels:
            await connection.add_listener(channel, self._heard)
        self.is_listening = True
        for channel in self._channels:
            self._on_hint(channel, "")

    async def _watch(self, connection: Connection) -> None:
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        while not gone.is_set() and not connection.is_closed():
            try:
                await asyncio.wait_for(gone.wait(), PROBE_EVERY)
            except TimeoutError:
                await connection.fetchval(
                    "select count(*) from pg_listening_channels()", timeout=PROBE_DEADLINE
                )

    def _heard(self, _connection: object, _pid: int, channel: str, payload: object) -> None:
        self._on_hint(channel, str(payload))

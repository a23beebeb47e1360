"""A storm: many writers and many clients at once, and the verdict on what the clients were told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg
from eventually import eventually

from .checker import Verdict, judge
from .clients import Client, Door
from .ledger import Ledger
from .writers import QUEUES, Hands, Writer

IS_TICKED = """
select not exists (
  select from duly.event, (select snap from duly.event_tick order by tick desc limit 1) as newest
  where not pg_visible_in_snapshot(event.xid, newest.snap)
)
"""


def chosen_seed() -> str:
    return os.environ.get("DULY_STORM_SEED") or secrets.token_hex(4)


@dataclass
class Storm:
    """How long and how hard. `longest` is the length of the longest transactions, in seconds.

    On a slow machine it blows until there were at least so many changes, and drops of each client.
    """

    seconds: float
    seed: str = field(default_factory=chosen_seed)
    writers: int = 64
    clients: int = 20
    longest: float = 2.0
    changes: int = 500
    drops: int = 5
    patience: float = 20.0

    async def blow(
        self, dsn: str, doors: list[Door], meanwhile: Callable[[], Awaitable[None]] | None = None
    ) -> Verdict:
        """Let it blow over an empty database. `meanwhile` is done in its middle."""
        ledger, hands, is_over = Ledger(), Hands(), asyncio.Event()
        hands.worker = await _register(dsn)
        writers = [
            Writer(n, self.seed, ledger, hands, self.longest).run(dsn, is_over)
            for n in range(self.writers)
        ]
        clients = self._clients(doors)
        following = [asyncio.create_task(client.run()) for client in clients]
        writing = asyncio.gather(*writers)
        try:
            await asyncio.wait([writing], timeout=self.seconds / 2)
            if meanwhile is not None:
                await meanwhile()
            await asyncio.wait([writing], timeout=self.seconds / 2)
            await eventually(
                lambda: writing.done() or self._is_enough(ledger, clients),
                f"enough of a storm (seed {self.seed})",
                seconds=60,
            )
            is_over.set()
            await writing
            end = await _end(dsn, self.patience)
            for client in clients:
                client.finish_at(end)
            await asyncio.wait(following, timeout=self.patience)
        finally:
            for task in following:
                task.cancel()
            results = await asyncio.gather(*following, return_exceptions=True)
        broken = [one for one in results if isinstance(one, Exception)]
        assert not broken, (self.seed, broken)
        verdict = judge(self.seed, ledger, clients, end)
        verdict.writers = hands.counts
        return verdict

    def _is_enough(self, ledger: Ledger, clients: list[Client]) -> bool:
        changes = sum(len(commit.notes) for commit in ledger.committed)
        return changes >= self.changes and all(client.drops >= self.drops for client in clients)

    def _clients(self, doors: list[Door]) -> list[Client]:
        """A few of them want one queue only."""
        chance = random.Random(f"{self.seed}/queues")
        queues = [chance.choice(QUEUES) if n % 5 == 4 else None for n in range(self.clients)]
        return [Client(n, self.seed, doors, queue) for n, queue in enumerate(queues)]


async def _register(dsn: str) -> int:
    """A worker that nobody takes for dead during the storm."""
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(
            "insert into duly.worker (name, slots, job_types, heartbeat_at)"
            " values ('storm', 1, '{}', now() + interval '1 day') returning id"
        )
    finally:
        await connection.close()


async def _end(dsn: str, patience: float) -> int:
    """The last position of the stream, once every event has one; or never will have."""
    connection = await asyncpg.connect(dsn)
    try:
        with contextlib.suppress(AssertionError):
            await eventually(
                lambda: connection.fetchval(IS_TICKED), "all is ticked", seconds=patience
            )
        return await connection.fetchval("select max(base + n) from duly.event_tick")
    finally:
        await connection.close()

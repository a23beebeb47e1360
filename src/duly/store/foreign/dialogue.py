"""What is said to a connection, apart from how: one telling for async and for sync drivers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Protocol, TypeVar

from .request import Request

Answer = TypeVar("Answer")

# Asks one request after the other, is sent the first column of the rows of each, and ends with what
# it was for.
Dialogue = Generator[Request, Sequence[Any], Answer]


class AsyncConnection(Protocol):
    """A connection of an async driver. Nobody here commits, rolls back or closes it."""

    async def ask(self, request: Request) -> Sequence[Any]:
        """The first column of the rows; raises the errors of the driver."""
        ...


class SyncConnection(Protocol):
    """A connection of a sync driver. Nobody here commits, rolls back or closes it."""

    def ask(self, request: Request) -> Sequence[Any]:
        """The first column of the rows; raises the errors of the driver."""
        ...


async def hold(dialogue: Dialogue[Answer], connection: AsyncConnection) -> Answer:
    """Hold a dialogue to its end."""
    try:
        request = next(dialogue)
        while True:
            request = dialogue.send(await connection.ask(request))
    except StopIteration as end:
        return end.value


def hold_sync(dialogue: Dialogue[Answer], connection: SyncConnection) -> Answer:
    """The same on a sync driver."""
    try:
        request = next(dialogue)
        while True:
            request = dialogue.send(connection.ask(request))
    except StopIteration as end:
        return end.value

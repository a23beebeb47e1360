"""The jobs that were there when a worker crashed: a worker has one of them in hand at a time.

So the one that did it meets no other suspect, and the others are not there at its next crash.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from ...store.attempts import Claim, Lane


class Suspects:
    """Remembers the suspect that the worker has in hand, if any."""

    def __init__(self) -> None:
        self._lease: int | None = None
        self.are_waiting = False

    def look(self, in_hand: Callable[[], Container[int]]) -> None:
        """Forget the suspect when it is not among the leases in hand any more."""
        self.are_waiting = False
        if self._lease is not None and self._lease not in in_hand():
            self._lease = None

    def room(self, lane: Lane, most: int) -> int:
        """How many jobs of this lane may be claimed, where `most` would fit."""
        if not lane.is_of_suspects:
            return most
        if self._lease is not None:
            self.are_waiting = True
            return 0
        return min(most, 1)

    def note(self, lane: Lane, claim: Claim) -> None:
        """A claim brought these jobs."""
        if lane.is_of_suspects and claim.jobs:
            self._lease = claim.jobs[0].lease

"""Hints between the parts of one process, and to and from other processes."""

from __future__ import annotations

from collections.abc import Callable

from ..client import READY, SCHEDULED, SOON
from ..postgres.notifier import Notifier


class Switchboard:
    """Passes hints on to those in this process who want them, and to other processes."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._lines: dict[str, list[Callable[[str], None]]] = {}

    @property
    def channels(self) -> list[str]:
        """The channels that somebody here wants to hear."""
        return list(self._lines)

    def connect(self, channel: str, listener: Callable[[str], None]) -> None:
        """Call `listener` with the payload of every hint on a channel."""
        self._lines.setdefault(channel, []).append(listener)

    def on_hint(self, channel: str, payload: str) -> None:
        """A hint came, from here or from elsewhere."""
        for listener in self._lines.get(channel, ()):
            listener(payload)

    def tell(self, channel: str, payload: str) -> None:
        """Give a hint to everybody."""
        self.on_hint(channel, payload)
        self._notifier.hint(channel, payload)

    def on_back(self, queue: str, delay: float | None) -> None:
        """A job went back to wait: at once, or for some seconds."""
        if delay is None:
            self.tell(READY, queue)
        elif delay < SOON:
            self.tell(SCHEDULED, queue)

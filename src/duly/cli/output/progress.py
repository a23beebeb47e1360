"""A bar on stderr for work on many things; without a terminal, nothing at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from .terminal import is_lively, wants_color

Item = TypeVar("Item")


def with_progress(items: Iterable[Item], verb: str, total: int) -> Iterator[Item]:
    """The items as they are, while a bar shows how many were taken."""
    if total < 2 or not is_lively():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True, no_color=wants_color() is False)
    yield from track(items, description=verb, total=total, console=console, transient=True)

"""Notices that Python files below a folder have changed, by looking at them now and then."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

LOOK_EVERY = 0.5
NOT_OURS = {"__pycache__", "node_modules", "site-packages"}

Shape = dict[str, tuple[int, int]]


class Reloader:
    """Calls `on_change` after a look that differs from the one before."""

    def __init__(self, folder: Path, on_change: Callable[[], None]) -> None:
        self._folder = folder
        self._on_change = on_change

    async def run(self) -> None:
        """Look until cancelled."""
        before = await asyncio.to_thread(shape_of, self._folder)
        while True:
            await asyncio.sleep(LOOK_EVERY)
            now = await asyncio.to_thread(shape_of, self._folder)
            if now != before:
                before = now
                self._on_change()


def shape_of(folder: Path) -> Shape:
    """The time and the size of each Python file; none of hidden folders or virtual environments."""
    shape: Shape = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if _is_ours(Path(place, name))]
        for name in files:
            if name.endswith(".py"):
                try:
                    found = Path(place, name).stat()
                except OSError:  # it was just removed
                    continue
                shape[f"{place}/{name}"] = (found.st_mtime_ns, found.st_size)
    return shape


def _is_ours(folder: Path) -> bool:
    if folder.name.startswith(".") or folder.name in NOT_OURS:
        return False
    return not (folder / "pyvenv.cfg").exists()

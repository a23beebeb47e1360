"""For the tests of programs that use duly: what was enqueued, what becomes of it, and the clock.

pytest finds the fixtures by itself; names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .drained import Drained, Ran
    from .sync_testing import SyncTesting
    from .testing import Testing
    from .worker_under_test import WorkerUnderTest

_HOMES = {
    "Drained": "drained",
    "Ran": "drained",
    "SyncTesting": "sync_testing",
    "Testing": "testing",
    "WorkerUnderTest": "worker_under_test",
}

__all__ = ["Drained", "Ran", "SyncTesting", "Testing", "WorkerUnderTest"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

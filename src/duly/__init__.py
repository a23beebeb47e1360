"""duly: an asynchronous job engine on PostgreSQL. The public library, and nothing else.

Names are loaded when they are first used, so that the command line starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .app import Duly
    from .bulk import BulkAnswer
    from .config import Secret, Settings
    from .errors import DulyError, JobCancelled, JobFailed
    from .events.event import Event, EventFilters, Reset
    from .following.following import Following
    from .following.handle import JobHandle
    from .handlers.context import Context
    from .handlers.handler import Handler
    from .jobs.attempt import Attempt
    from .jobs.filters import JobFilters
    from .jobs.job import Job
    from .jobs.outcome import Cancel, Discard, Outcome, RetryAfter, Snooze
    from .jobs.status import JobStatus

__version__ = "0.1.0"

_HOMES = {
    "Duly": "app",
    "Secret": "config",
    "Settings": "config",
    "DulyError": "errors",
    "JobCancelled": "errors",
    "JobFailed": "errors",
    "Event": "events.event",
    "EventFilters": "events.event",
    "Reset": "events.event",
    "Following": "following.following",
    "JobHandle": "following.handle",
    "Context": "handlers.context",
    "Handler": "handlers.handler",
    "Attempt": "jobs.attempt",
    "BulkAnswer": "bulk",
    "JobFilters": "jobs.filters",
    "Job": "jobs.job",
    "Cancel": "jobs.outcome",
    "Discard": "jobs.outcome",
    "Outcome": "jobs.outcome",
    "RetryAfter": "jobs.outcome",
    "Snooze": "jobs.outcome",
    "JobStatus": "jobs.status",
}

__all__ = [
    "Attempt",
    "BulkAnswer",
    "Cancel",
    "Context",
    "Discard",
    "Duly",
    "DulyError",
    "Event",
    "EventFilters",
    "Following",
    "Handler",
    "Job",
    "JobCancelled",
    "JobFailed",
    "JobFilters",
    "JobHandle",
    "JobStatus",
    "Outcome",
    "Reset",
    "RetryAfter",
    "Secret",
    "Settings",
    "Snooze",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

"""Events as lines for people: when, what, and how long after the line before."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import click
import msgspec

from ...events.event import LOG, PROGRESS, Event
from .moments import clock, span
from .reports import how_far
from .terminal import STATUS_COLORS, first_line, one_line

LONGEST_ERROR = 160
SOON = timedelta(milliseconds=20)

_NOTES = {
    "snooze": "snoozed by its handler",
    "cancel": "asked to stop",
    "release": "given back by a worker that stops",
    "rescue": "taken back from a worker that died",
    "retry": "by hand",
}


class Timeline:
    """Makes one line of each event. Of each job it remembers the moment of the event before."""

    def __init__(self) -> None:
        self._before: dict[UUID, datetime] = {}

    def line(self, event: Event, label: str = "") -> str:
        """The line for `event`; `label` says which job it belongs to, where that is not clear."""
        word = _word(event)
        room = " " * (10 - len(word))
        word = click.style(word, fg=STATUS_COLORS.get(event.status)) + room
        before = self._before.get(event.job_id)
        delta = ""
        if before is not None:
            milliseconds = (event.at - before).total_seconds() * 1000
            delta = click.style(f"(+{span(max(0.0, milliseconds))})", dim=True)
        if event.status.is_final:
            self._before.pop(event.job_id, None)
        else:
            self._before[event.job_id] = event.at
        parts = [clock(event.at), *([label] if label else []), word, _note(event), delta]
        return ("  " + "  ".join(part for part in parts if part)).rstrip()


def _word(event: Event) -> str:
    if event.change in (PROGRESS, LOG):
        return event.change
    if event.status != "pending":
        return event.status.value
    if event.change == "promote":
        return "ready"
    if event.change == "fail":
        return "retrying"
    return "scheduled" if _delay(event) else event.status.value


def _note(event: Event) -> str:
    if event.details is not None:
        return _reported(event.change, event.details)
    parts: list[str] = []
    if event.change == "claim":
        parts.append(f"attempt {event.attempt}")
    if event.duration_ms is not None and event.change == "complete":
        parts.append(f"in {span(event.duration_ms)}")
    if event.error:
        parts.append(first_line(event.error, LONGEST_ERROR))
    elif event.change in _NOTES and not (event.change == "cancel" and event.status.is_final):
        parts.append(_NOTES[event.change])
    if delay := _delay(event):
        parts.append(f"next in {span(delay)}" if event.attempt else f"due in {span(delay)}")
    return "  ".join(parts)


def _reported(change: str, details: msgspec.Raw) -> str:
    told = msgspec.json.decode(details)
    if change == PROGRESS:
        return how_far(told["done"], told["total"], told["note"])
    level = "" if told["level"] == "info" else f"{told['level']}: "
    return level + one_line(told["message"], LONGEST_ERROR)


def _delay(event: Event) -> float:
    """Milliseconds that a pending job has to wait; 0 when it may start at once."""
    waits = event.status == "pending" and event.change != "promote"
    if not waits or event.scheduled_at is None or event.scheduled_at - event.at < SOON:
        return 0.0
    return (event.scheduled_at - event.at).total_seconds() * 1000

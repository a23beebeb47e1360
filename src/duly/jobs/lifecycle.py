"""The life of a job: its statuses, and the verbs that move it from one to another.

Rule 1: whatever decides where a job may go is in this file.
Rule 2: this file knows no database and no clock.
"""

from __future__ import annotations

from dataclasses import dataclass

from .status import JobStatus

PENDING, PROCESSING, DONE, FAILED, CANCELLED = JobStatus


@dataclass(frozen=True, slots=True)
class Transition:
    """One verb: from which statuses it may start, and to which it may lead."""

    verb: str
    sources: frozenset[JobStatus]
    targets: frozenset[JobStatus]
    counts_attempt: bool = False


def _transition(
    verb: str, sources: set[JobStatus], targets: set[JobStatus], *, counts_attempt: bool = False
) -> Transition:
    return Transition(verb, frozenset(sources), frozenset(targets), counts_attempt)


TRANSITIONS: tuple[Transition, ...] = (
    #           verb         from                       to
    _transition("enqueue", set(), {PENDING}),
    _transition("promote", {PENDING}, {PENDING}),
    _transition("claim", {PENDING}, {PROCESSING}, counts_attempt=True),
    _transition("complete", {PROCESSING}, {DONE}),
    _transition("fail", {PROCESSING}, {PENDING, FAILED}),
    _transition("snooze", {PROCESSING}, {PENDING}),
    _transition("discard", {PROCESSING}, {FAILED}),
    _transition("cancel", {PENDING, PROCESSING}, {CANCELLED}),
    _transition("release", {PROCESSING}, {PENDING}),
    _transition("rescue", {PROCESSING}, {PENDING, FAILED, CANCELLED}),
    _transition("retry", {DONE, FAILED, CANCELLED}, {PENDING}),
)

BY_VERB = {transition.verb: transition for transition in TRANSITIONS}
VERBS = tuple(BY_VERB)


def is_allowed(verb: str, source: JobStatus) -> bool:
    """Whether `verb` may be applied to a job whose status is `source`."""
    return source in BY_VERB[verb].sources


def sources_of(verb: str) -> str:
    """The statuses from which `verb` may start, as words for a message: "done, failed or …"."""
    names = [status.value for status in JobStatus if status in BY_VERB[verb].sources]
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " or " + names[-1]

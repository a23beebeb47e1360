"""What a handler may answer beside a result: later, never, not any more.

Each may be returned or raised; raising reaches out of a deep stack.
"""

from __future__ import annotations

from .submission import LONGEST_DELAY


class Outcome(Exception):
    """An answer of a handler other than a plain result."""


class Snooze(Outcome):
    """Try again in `seconds`, at most a year; this attempt does not count."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"snoozed for {seconds:g} s")
        self.seconds = _wait(seconds)


class Discard(Outcome):
    """No use trying again: the job fails at once, with `reason` as its error."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Cancel(Outcome):
    """The work is not wanted any more: the job is cancelled."""

    def __init__(self, reason: str = "cancelled by its handler") -> None:
        super().__init__(reason)
        self.reason = reason


class RetryAfter(Outcome):
    """This attempt failed with `reason`; try again in `seconds` instead of after the back-off."""

    def __init__(self, seconds: float, reason: str = "asked to come back later") -> None:
        super().__init__(reason)
        self.seconds = _wait(seconds)
        self.reason = reason


def _wait(seconds: float) -> float:
    """Seconds that the database can add to now; a negative time is over already."""
    if not seconds <= LONGEST_DELAY:  # NaN is not
        raise ValueError(f"seconds must be at most {LONGEST_DELAY:.0f}, but is {seconds}")
    return max(0.0, float(seconds))

"""What a handler says about its failures: how long to wait, and what certain errors mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from ..jobs.backoff import backoff
from ..jobs.outcome import Outcome

Backoff = Callable[[int], float] | Sequence[float]
OnError = Mapping[type[Exception], "Outcome | Callable[[Exception], Outcome | None]"]


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """`backoff` gives the seconds to wait after attempt number n (from 1), or lists them.

    The last of a list is used for all further attempts. `on_error` maps kinds of errors to what
    becomes of the job, such as `Discard("…")` or `RetryAfter(60)`, or to a function that decides
    by the error; None from that is an ordinary failure.
    """

    backoff: Backoff = backoff
    on_error: OnError = field(default_factory=dict[type[Exception], "Outcome"])

    def __post_init__(self) -> None:
        if not callable(self.backoff) and (
            not self.backoff or any(not seconds >= 0 for seconds in self.backoff)
        ):
            raise ValueError("backoff needs at least one number of seconds, none of them negative")

    def delay(self, attempt: int) -> float:
        """Seconds to wait after attempt number `attempt` failed."""
        if callable(self.backoff):
            return float(self.backoff(attempt))
        return float(self.backoff[min(attempt, len(self.backoff)) - 1])

    def outcome_of(self, error: BaseException) -> Outcome | None:
        """What the handler wants to become of a job that raised `error`; None for a failure."""
        for kind, answer in self.on_error.items():
            if isinstance(error, kind):
                return answer if isinstance(answer, Outcome) else answer(error)
        return None


DEFAULT = FailurePolicy()

"""How long a job that failed waits before it is tried again."""

from __future__ import annotations

import random

BASE = 5
LONGEST = 300.0
JITTER = 0.1


def backoff(attempt: int, *, spread: float | None = None) -> float:
    """Seconds to wait after attempt number `attempt` (from 1) failed.

    5^(attempt - 1) seconds, capped at 300: 1, 5, 25, 125, 300, 300, … (the rule of the engine that
    duly takes over from). Up to a tenth is added, so that jobs that failed together do not come
    back together; `spread` in [0, 1) chooses the addition, by default at random.
    """
    exponent = max(0, min(attempt, 10) - 1)
    share = random.random() if spread is None else spread
    return min(LONGEST, float(BASE**exponent)) * (1 + JITTER * share)

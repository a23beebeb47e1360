"""What a worker counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter

STALE_WRITES = Counter(
    "duly_stale_writes",
    "Outcomes and reports that were refused because their lease was no longer the current one.",
    ["job_type"],
)
ATTEMPTS = Counter("duly_attempts", "Attempts that ended, by how they ended.", ["outcome"])
STALLS = Counter("duly_loop_stalls", "Times that a handler blocked the event loop.", ["job_type"])
LOST = Counter(
    "duly_worker_lost", "Times that a worker lost its right to its jobs and started over."
)


def attempts_ended() -> int:
    """How many attempts have ended in this process."""
    samples = [sample for metric in ATTEMPTS.collect() for sample in metric.samples]
    return int(sum(one.value for one in samples if one.name.endswith("_total")))

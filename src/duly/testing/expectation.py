"""What a test expects to be enqueued, and how far a job is from that."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, cast

import msgspec

from ..jobs.job import Job
from ..jobs.payload import encode_payload

MOST_SHOWN = 5
LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A job type, and whatever else matters of a job; what is None does not.

    `payload` is what must be in the payload, or a function that says whether it fits.
    """

    job_type: str
    payload: Any | Callable[[Any], bool] = None
    queue: str | None = None
    tags: Collection[str] = ()

    def misses(self, job: Job) -> list[str]:
        """Every respect in which a job is not what is expected; empty when it is."""
        found: list[str] = []
        if job.job_type != self.job_type:
            found.append(f"job_type: is {job.job_type!r}, expected {self.job_type!r}")
        if self.queue is not None and job.queue != self.queue:
            found.append(f"queue: is {job.queue!r}, expected {self.queue!r}")
        lacking = [tag for tag in self.tags if tag not in job.tags]
        if lacking:
            found.append(f"tags: are {job.tags}, without {', '.join(lacking)}")
        return found + self._misses_of_payload(msgspec.json.decode(job.payload))

    def closeness(self, job: Job) -> float:
        """How near a miss is: a job of another type is further away than anything else."""
        likeness = SequenceMatcher(None, job.job_type, self.job_type).ratio()
        return 100 * likeness - len(self.misses(job))

    def explain(self, waiting: Sequence[Job], matching: int, count: int | None) -> str:
        """Why the assertion failed, with the jobs that came nearest."""
        wanted = "at least one job" if count is None else f"{count} jobs"
        lines = [f"expected {wanted} {self}, found {matching}."]
        misses = [job for job in waiting if self.misses(job)]
        if not waiting:
            return f"{lines[0]} No job waits at all."
        nearest = sorted(misses, key=self.closeness, reverse=True)[:MOST_SHOWN]
        if nearest:
            lines.append(f"{len(waiting)} jobs wait. The nearest that do not fit:")
        for job in nearest:
            lines.append(f"  {job.job_type} {_short(bytes(job.payload).decode())} {job.id}")
            lines += [f"    {miss}" for miss in self.misses(job)]
        return "\n".join(lines)

    def __str__(self) -> str:
        words = [repr(self.job_type)]
        if callable(self.payload):
            words.append(f"whose payload fits {getattr(self.payload, '__name__', self.payload)}")
        elif self.payload is not None:
            words.append(f"with {_short(encode_payload(self.payload))}")
        if self.queue is not None:
            words.append(f"in queue {self.queue!r}")
        if self.tags:
            words.append(f"tagged {', '.join(self.tags)}")
        return " ".join(words)

    def _misses_of_payload(self, payload: Any) -> list[str]:
        if self.payload is None:
            return []
        if callable(self.payload):
            return [] if self.payload(payload) else ["payload: does not fit the function"]
        expected = msgspec.json.decode(encode_payload(self.payload))
        return list(_differences(payload, expected, "payload"))


def _differences(found: Any, expected: Any, path: str) -> list[str]:
    """Where `expected` is not in `found`: objects may hold more, everything else is equal."""
    if not isinstance(expected, Mapping) or not isinstance(found, Mapping):
        is_same = found == expected and isinstance(found, bool) == isinstance(expected, bool)
        return [] if is_same else [f"{path}: is {_short(found)}, expected {_short(expected)}"]
    there, wanted = cast("Mapping[str, Any]", found), cast("Mapping[str, Any]", expected)
    differences: list[str] = []
    for key, value in wanted.items():
        inside = f"{path}.{key}"
        if key in there:
            differences += _differences(there[key], value, inside)
        else:
            differences.append(f"{inside}: is missing, expected {_short(value)}")
    return differences


def _short(value: Any) -> str:
    text = value if isinstance(value, str) and value[:1] in "{[" else repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"

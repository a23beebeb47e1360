"""What somebody asks for when they submit a job, and the rules for it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from ..errors import RequestRefused
from .text import clean_text

DEFAULT_QUEUE = "default"
DEFAULT_MAX_ATTEMPTS = 3
MOST_ATTEMPTS = 100
PRIORITIES = (-100, 100)
LONGEST_NAME = 200
LONGEST_KEY = 500
MOST_TAGS = 20
LONGEST_DELAY = 366 * 86_400.0
FIRST_YEAR, LAST_YEAR = 2000, 2200

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/@-]*\Z")


class Submission(msgspec.Struct, frozen=True, kw_only=True):
    """One job to be made. `payload` is JSON text that was checked already.

    `queue` and `max_attempts` are those of the handler when they are None and it is known where the
    job is submitted, otherwise "default" and 3. `run_at` (aware) and `delay` (seconds) say when it
    may start: one of them or neither. Of all jobs with one `unique_key`, at most one is live:
    submitting another answers the live one.
    """

    job_type: str
    payload: str = "{}"
    queue: str | None = None
    priority: int = 0
    max_attempts: int | None = None
    run_at: datetime | None = None
    delay: float | None = None
    unique_key: str | None = None
    tags: tuple[str, ...] = ()

    def check(self, path: str = "$") -> Submission:
        """This submission, or RequestRefused with the path of the first field that does not fit."""
        _check_name(self.job_type, f"{path}.job_type")
        if self.queue is not None:
            _check_name(self.queue, f"{path}.queue")
        _check_range(self.priority, *PRIORITIES, f"{path}.priority")
        if self.max_attempts is not None:
            _check_range(self.max_attempts, 1, MOST_ATTEMPTS, f"{path}.max_attempts")
        _check_moment(self, path)
        if self.unique_key is not None:
            _check_text(self.unique_key, LONGEST_KEY, f"{path}.unique_key")
        if len(self.tags) > MOST_TAGS:
            raise RequestRefused(path=f"{path}.tags", reason=f"at most {MOST_TAGS} tags")
        for index, tag in enumerate(self.tags):
            _check_text(tag, LONGEST_NAME, f"{path}.tags[{index}]")
        return self


class Idempotency(msgspec.Struct, frozen=True):
    """The same key with the same fingerprint (SHA-256 of the request) answers the same job."""

    key: str
    fingerprint: bytes


def _check_name(name: str, path: str) -> None:
    if not 1 <= len(name) <= LONGEST_NAME or not _NAME.match(name):
        raise RequestRefused(
            path=path,
            reason=f"must be 1 to {LONGEST_NAME} letters, digits or _ . : / @ -, and not begin"
            " with a sign",
        )


def _check_text(text: str, longest: int, path: str) -> None:
    if not 1 <= len(text) <= longest:
        raise RequestRefused(path=path, reason=f"must be 1 to {longest} characters long")
    if clean_text(text, longest=4 * longest) != text:
        raise RequestRefused(path=path, reason="holds characters that PostgreSQL cannot store")


def _check_range(number: int, least: int, most: int, path: str) -> None:
    if not least <= number <= most:
        raise RequestRefused(path=path, reason=f"must be between {least} and {most}")


def _check_moment(submission: Submission, path: str) -> None:
    if submission.run_at is not None and submission.delay is not None:
        raise RequestRefused(path=f"{path}.delay", reason="give run_at or delay, not both")
    if submission.delay is not None and not 0 <= submission.delay <= LONGEST_DELAY:
        raise RequestRefused(
            path=f"{path}.delay", reason=f"must be between 0 and {LONGEST_DELAY:.0f} seconds"
        )
    moment = submission.run_at
    if moment is None:
        return
    if moment.tzinfo is None:
        raise RequestRefused(path=f"{path}.run_at", reason="needs an offset, such as Z or +02:00")
    try:
        year = moment.astimezone(UTC).year
    except OverflowError:
        year = 0
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise RequestRefused(
            path=f"{path}.run_at", reason=f"must lie between {FIRST_YEAR} and {LAST_YEAR}"
        )

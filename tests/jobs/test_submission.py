"""The bounds of a submission."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest

from duly.errors import RequestRefused
from duly.jobs.submission import (
    LONGEST_DELAY,
    LONGEST_KEY,
    LONGEST_NAME,
    MOST_ATTEMPTS,
    MOST_TAGS,
    Submission,
)

SOON = datetime(2030, 1, 1, tzinfo=UTC)
AHEAD = timezone(timedelta(hours=14))
BEHIND = timezone(-timedelta(hours=14))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"job_type": "x" * LONGEST_NAME},
        {"job_type": "mail/send.v2:now@eu-1"},
        {"queue": "_internal"},
        {"priority": -100},
        {"priority": 100},
        {"max_attempts": 1},
        {"max_attempts": MOST_ATTEMPTS},
        {"run_at": SOON},
        {"run_at": datetime(2000, 1, 1, tzinfo=UTC)},
        {"run_at": datetime(2200, 12, 31, 23, 59, tzinfo=UTC)},
        {"delay": 0},
        {"delay": LONGEST_DELAY},
        {"unique_key": "ü" * LONGEST_KEY},
        {"tags": tuple(f"tag {n}" for n in range(MOST_TAGS))},
    ],
    ids=str,
)
def test_a_submission_within_its_bounds_is_accepted(options):
    submission = Submission(**{"job_type": "email", **options})

    assert submission.check() is submission


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"job_type": ""}, "$.job_type"),
        ({"job_type": "x" * (LONGEST_NAME + 1)}, "$.job_type"),
        ({"job_type": "-x"}, "$.job_type"),
        ({"job_type": "two words"}, "$.job_type"),
        ({"job_type": "line\n"}, "$.job_type"),
        ({"job_type": "ümlaut"}, "$.job_type"),
        ({"queue": ""}, "$.queue"),
        ({"queue": "a b"}, "$.queue"),
        ({"priority": -101}, "$.priority"),
        ({"priority": 101}, "$.priority"),
        ({"max_attempts": 0}, "$.max_attempts"),
        ({"max_attempts": MOST_ATTEMPTS + 1}, "$.max_attempts"),
        ({"run_at": SOON.replace(tzinfo=None)}, "$.run_at"),
        ({"run_at": datetime(1999, 12, 31, 23, 59, tzinfo=UTC)}, "$.run_at"),
        ({"run_at": datetime(2201, 1, 1, tzinfo=UTC)}, "$.run_at"),
        ({"run_at": datetime(2201, 1, 1, 13, tzinfo=BEHIND)}, "$.run_at"),
        ({"run_at": datetime(1, 1, 1, tzinfo=AHEAD)}, "$.run_at"),
        ({"run_at": datetime(9999, 12, 31, 23, tzinfo=BEHIND)}, "$.run_at"),
        ({"delay": -1}, "$.delay"),
        ({"delay": LONGEST_DELAY + 1}, "$.delay"),
        ({"delay": float("nan")}, "$.delay"),
        ({"delay": float("inf")}, "$.delay"),
        ({"delay": 5, "run_at": SOON}, "$"),
        ({"unique_key": ""}, "$.unique_key"),
        ({"unique_key": "x" * (LONGEST_KEY + 1)}, "$.unique_key"),
        ({"unique_key": "a\x00"}, "$.unique_key"),
        ({"unique_key": "\ud800"}, "$.unique_key"),
        ({"tags": ("x",) * (MOST_TAGS + 1)}, "$.tags"),
        ({"tags": ("fine", "")}, "$.tags[1]"),
        ({"tags": ("x" * (LONGEST_NAME + 1),)}, "$.tags[0]"),
        ({"tags": ("a\x00",)}, "$.tags[0]"),
    ],
    ids=str,
)
def test_a_submission_out_of_bounds_is_refused_with_the_path_of_the_field(options, path):
    with pytest.raises(RequestRefused) as refusal:
        Submission(**{"job_type": "email", **options}).check()

    assert refusal.value.fields["path"].startswith(path)


def test_the_path_begins_where_the_caller_says():
    with pytest.raises(RequestRefused) as refusal:
        Submission(job_type="").check("$[7]")

    assert refusal.value.fields["path"] == "$[7].job_type"


def test_a_submission_cannot_be_changed():
    with pytest.raises(AttributeError):
        Submission(job_type="email").queue = "other"  # type: ignore[misc]

    assert msgspec.structs.replace(Submission(job_type="email"), queue="other").queue == "other"

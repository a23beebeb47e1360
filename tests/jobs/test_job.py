"""How jobs, attempts and filters look from outside."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from duly.jobs.attempt import Attempt
from duly.jobs.filters import JobFilters
from duly.jobs.job import Job
from duly.jobs.status import JobStatus

MOMENT = datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def a_job(**options):
    return Job(
        id=UUID(int=1),
        job_type="email",
        payload=msgspec.Raw(b'{"n": 0.10}'),
        status=JobStatus.PENDING,
        attempts=0,
        max_attempts=3,
        last_error=None,
        scheduled_at=MOMENT,
        processing_started_at=None,
        created_at=MOMENT,
        updated_at=MOMENT,
        **options,
    )


def test_the_first_eleven_fields_of_a_job_are_those_of_the_public_contract():
    assert Job.__struct_fields__[:11] == (
        "id", "job_type", "payload", "status", "attempts", "max_attempts", "last_error",
        "scheduled_at", "processing_started_at", "created_at", "updated_at",
    )  # fmt: skip


def test_a_job_is_json_that_keeps_its_payload_to_the_letter():
    encoded = msgspec.json.encode(a_job(tags=["weekly"]))

    seen = json.loads(encoded)
    assert b'"payload":{"n": 0.10}' in encoded
    assert seen["status"] == "pending"
    assert seen["scheduled_at"] == "2030-01-02T03:04:05.678000Z"
    assert seen["tags"] == ["weekly"]
    assert seen["queue"] == "default"


def test_two_jobs_do_not_share_their_tags():
    first, second = a_job(), a_job()

    first.tags.append("only mine")

    assert second.tags == []


def test_an_attempt_is_json_with_its_result_as_it_was_stored():
    attempt = Attempt(
        attempt=1, lease=7, outcome="complete", status=JobStatus.DONE, worker="here/1",
        started_at=MOMENT, finished_at=MOMENT, error=None, result=msgspec.Raw(b"1.50"),
    )  # fmt: skip

    assert b'"result":1.50' in msgspec.json.encode(attempt)


def test_filters_match_every_job_unless_they_say_otherwise_and_cannot_be_changed():
    filters = JobFilters()

    assert set(msgspec.structs.asdict(filters).values()) == {None}
    with pytest.raises(AttributeError):
        filters.queue = "mail"  # type: ignore[misc]

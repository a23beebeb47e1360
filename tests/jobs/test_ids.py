"""Job ids: what is one, and the moment inside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duly.errors import JobNotFound
from duly.jobs.ids import first_id_at, made_at, parse_job_id

# Milliseconds and fractions of one between 1970 and 2200.
MOMENTS = st.integers(min_value=0, max_value=7_258_118_400_000_000).map(
    lambda microseconds: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
)


@given(job_id=st.uuids())
def test_an_id_is_read_back_from_its_text(job_id):
    assert parse_job_id(str(job_id)) == job_id
    assert parse_job_id(str(job_id).upper()) == job_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0" * 32,
        "z" * 36,
        "{019ab5f0-0000-7000-8000-000000000000}",
        "urn:uuid:019ab5f0-0000-7000-8000-000000000000",
        "019ab5f0-0000-7000-8000-00000000000\u0666\u0666",
    ],
)
def test_what_is_no_id_names_no_job(text):
    with pytest.raises(JobNotFound):
        parse_job_id(text)


def test_a_long_text_is_not_repeated_in_full():
    with pytest.raises(JobNotFound) as refusal:
        parse_job_id("x" * 10_000)

    assert len(str(refusal.value)) < 300


@given(moment=MOMENTS)
def test_the_first_id_of_a_moment_holds_that_moment(moment):
    lost = moment - made_at(first_id_at(moment))

    assert timedelta(0) <= lost < timedelta(milliseconds=1)


@given(earlier=MOMENTS, later=MOMENTS)
def test_ids_are_in_the_order_of_their_moments(earlier, later):
    earlier, later = sorted((earlier, later))

    assert first_id_at(earlier) <= first_id_at(later)


def test_a_moment_before_all_ids_gives_the_smallest_id():
    assert first_id_at(datetime(1901, 1, 1, tzinfo=UTC)) == UUID(int=0)

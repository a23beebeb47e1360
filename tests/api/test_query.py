"""Parameters after the question mark: known ones are read, all else is refused by name."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from duly.api.query import EventQuery, ListQuery, read_cursor, read_query, write_cursor
from duly.api.request import Request
from duly.errors import RequestRefused
from duly.jobs.status import JobStatus


async def nothing_to_receive():
    return {"type": "http.disconnect"}


def request_for(query):
    scope = {"method": "GET", "path": "/", "headers": [], "query_string": query.encode()}
    return Request(scope, nothing_to_receive)


def test_no_parameters_mean_the_defaults():
    assert read_query(request_for(""), ListQuery) == ListQuery(limit=50)


def test_every_parameter_of_a_list_is_read():
    query = (
        "status=failed&job_type=a&queue=q&tag=%C3%A9&limit=1000&cursor=AAAAAAAAAAAAAAAAAAAAAA"
        "&created_after=2030-01-01T00:00:00Z&created_before=2030-01-02T00:00:00%2B00:00"
    )

    read = read_query(request_for(query), ListQuery)

    assert read == ListQuery(
        status=JobStatus.FAILED,
        job_type="a",
        queue="q",
        tag="é",
        limit=1000,
        cursor="A" * 22,
        created_after=datetime(2030, 1, 1, tzinfo=UTC),
        created_before=datetime(2030, 1, 2, tzinfo=UTC),
    )


def test_a_text_that_reads_null_is_a_text():
    read = read_query(request_for("job_type=null"), ListQuery)

    assert read.job_type == "null"


@pytest.mark.parametrize("after", ["0", "abc.12", "a-b_C.999999999999999999"])
def test_positions_of_the_stream_are_read(after):
    assert read_query(request_for(f"after={after}"), EventQuery).after == after


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("nonsense=1", "?nonsense"),
        ("Status=done", "?Status"),
        ("limit=1&limit=1", "?limit"),
        ("=1", "?"),
        ("status=null", "?status"),
        ("status=DONE", "?status"),
        ("status=", "?status"),
        ("job_type=", "?job_type"),
        ("job_type=" + "a" * 201, "?job_type"),
        ("queue=a%00b", "?queue"),
        ("tag=%FF", "?"),
        ("limit=0", "?limit"),
        ("limit=1001", "?limit"),
        ("limit=-1", "?limit"),
        ("limit=5.0", "?limit"),
        ("limit=1e2", "?limit"),
        ("limit=", "?limit"),
        ("limit=%D9%A3", "?limit"),
        ("limit=" + "9" * 5000, "?limit"),
        ("created_after=yesterday", "?created_after"),
        ("created_after=1700000000", "?created_after"),
        ("created_after=2030-01-01T00:00:00", "?created_after"),
        ("created_after=1999-12-31T00:00:00Z", "?created_after"),
        ("created_before=0001-01-01T00:00:00%2B14:00", "?created_before"),
        ("created_before=null", "?created_before"),
        ("cursor=short", "?cursor"),
        ("&".join(f"a{number}=1" for number in range(60)), "?"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(query, path):
    with pytest.raises(RequestRefused) as caught:
        read_query(request_for(query), ListQuery)

    assert caught.value.fields["path"] == path


def test_a_plus_that_became_a_space_is_explained():
    with pytest.raises(RequestRefused, match="%2B"):
        read_query(request_for("created_after=2030-01-01T00:00:00+02:00"), ListQuery)


@pytest.mark.parametrize("job_id", [UUID(int=0), UUID(int=2**128 - 1), uuid4()])
def test_a_cursor_leads_back_to_its_job(job_id):
    cursor = write_cursor(job_id)

    query = read_query(request_for(f"cursor={cursor}"), ListQuery)

    assert read_cursor(query.cursor) == job_id

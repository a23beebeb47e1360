"""Events for programs that want pages."""

from __future__ import annotations

from uuid import uuid4

import pytest

from ..server import EventReader


def page(server, **query):
    parameters = "&".join(f"{name}={value}" for name, value in query.items())
    return server.call("GET", f"/events?format=json&{parameters}")


def pages(server, after, **query):
    """Every event after a position, page by page, and the position behind the last page."""
    events, more = [], True
    while more:
        answer = page(server, after=after, **query).json
        events += answer["events"]
        after, more = answer["next"], answer["more"]
    return events, after


def test_a_page_begins_now_unless_it_is_told_where(server):
    server.submit(delay=3600)

    answer = page(server)

    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["events"] == []
    assert set(answer.json) == {"events", "next", "more"}


def test_pages_tell_what_the_stream_tells(server):
    tag = uuid4().hex
    jobs = [server.submit(tags=[tag], delay=3600)["id"] for _ in range(7)]
    with EventReader(server, f"/events?tag={tag}&after=0") as stream:
        streamed = [stream.next() for _ in jobs]

    listed, _ = pages(server, "0", tag=tag, limit=3)

    assert [one["job_id"] for one in listed] == jobs
    assert [one.pop("position") for one in listed] == [one.id for one in streamed]
    assert listed == [one.data for one in streamed]


def test_a_page_ends_at_its_limit_and_the_next_one_begins_there(server):
    tag = uuid4().hex
    jobs = [server.submit(tags=[tag], delay=3600)["id"] for _ in range(3)]
    with EventReader(server, f"/events?tag={tag}&after=0") as stream:
        stream.until(job_id=jobs[-1])

    first = page(server, tag=tag, after=0, limit=2).json
    second = page(server, tag=tag, after=first["next"], limit=2).json

    assert [one["job_id"] for one in first["events"]] == jobs[:2]
    assert first["next"] == first["events"][-1]["position"]
    assert first["more"]
    assert [one["job_id"] for one in second["events"]] == jobs[2:]


def test_who_asks_again_from_the_end_gets_what_is_new(server):
    tag = uuid4().hex
    _, end = pages(server, "0", tag=tag)
    job = server.submit(tags=[tag], delay=3600)["id"]
    with EventReader(server, f"/events?tag={tag}&after={end}") as stream:
        stream.until(job_id=job)

    listed, _ = pages(server, end, tag=tag)

    assert [one["job_id"] for one in listed] == [job]


def test_a_page_after_a_lost_position_says_so(server):
    answer = page(server, after="another-history.7").json

    assert answer["reset"]["reason"]
    assert answer["reset"]["position"] == answer["next"]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("format=xml", "?format"),
        ("format=json&limit=0", "?limit"),
        ("format=json&limit=1001", "?limit"),
        ("limit=5", "?limit"),
        ("include=payload", "?include"),
        ("include=log,", "?include"),
    ],
)
def test_what_does_not_fit_is_refused(server, query, path):
    answer = server.call("GET", f"/events?{query}")

    assert answer.status == 422
    assert answer.json["path"] == path

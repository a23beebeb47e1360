"""Jobs that are there: looked at, listed, cancelled and retried over HTTP."""

from __future__ import annotations

from urllib.parse import urljoin
from uuid import uuid4

import pytest

from duly.config import Secret, Settings
from duly.handlers.registry import HandlerRegistry

from ..server import eventually, running


def fail(_payload):
    raise RuntimeError("no luck")


@pytest.fixture(scope="module")
def working(database_url):
    """A server with a worker that doubles numbers, and that fails where it is told to."""
    registry = HandlerRegistry()
    registry.add("double", lambda payload: payload * 2)
    registry.add("nothing", lambda payload: None)
    registry.add("fail", fail)
    settings = Settings(database_url=Secret(database_url), poll=0.1)
    with running(settings, registry, worker=True) as server:
        yield server


def ended(server, job):
    """The job, once it has ended."""

    def look():
        now = server.call("GET", f"/jobs/{job['id']}").json
        return now if now["status"] in ("done", "failed", "cancelled") else None

    return eventually(look, f"job {job} did not end")


def next_page(reply):
    """The address in the Link header, relative as it is."""
    link = reply.headers["Link"]
    if link is None:
        return None
    address, relation = link.split("; ")
    assert relation == 'rel="next"'
    return address.strip("<>")


def test_a_list_is_an_array_with_the_newest_first(server):
    tag = str(uuid4())
    made = [server.submit(tags=[tag])["id"] for _ in range(3)]

    reply = server.call("GET", f"/jobs?tag={tag}")

    assert [job["id"] for job in reply.json] == made[::-1]
    assert reply.headers["Link"] is None


def test_fifty_jobs_are_a_page_unless_a_limit_is_given(server):
    server.call("POST", "/jobs/batch", [{"job_type": "page"}] * 60)

    assert len(server.call("GET", "/jobs").json) == 50
    assert len(server.call("GET", "/jobs?limit=60").json) == 60


def test_the_links_lead_through_every_job_once_while_new_ones_come_in(server):
    tag = str(uuid4())
    jobs = server.call("POST", "/jobs/batch", [{"job_type": "a", "tags": [tag]}] * 25).json
    path, seen = f"/jobs?tag={tag}&limit=10", []

    while path is not None:
        reply = server.call("GET", path)
        seen += [job["id"] for job in reply.json]
        server.submit(tags=[tag])
        link = next_page(reply)
        path = None if link is None else urljoin(path, link)

    assert sorted(seen) == sorted(job["id"] for job in jobs)
    assert len(seen) == len(set(seen))


def test_a_link_keeps_the_filters_and_holds_behind_a_proxy(server):
    server.call("POST", "/jobs/batch", [{"job_type": "a", "tags": ["ü&="]}] * 2)

    link = next_page(server.call("GET", "/jobs?limit=1&tag=%C3%BC%26%3D"))

    through_a_proxy = urljoin("https://example.com/duly/jobs?limit=1", link)
    assert through_a_proxy.startswith("https://example.com/duly/jobs?limit=1&tag=%C3%BC%26%3D&")


@pytest.mark.parametrize(
    ("name", "fields"),
    [("job_type", {"job_type": "one-of-a-kind"}), ("queue", {"queue": "seldom"})],
    ids=["job_type", "queue"],
)
def test_a_filter_leaves_only_what_matches(server, name, fields):
    job = server.submit(**fields)
    server.submit()

    found = server.call("GET", f"/jobs?{name}={job[name]}").json

    assert [one["id"] for one in found] == [job["id"]]


def test_times_bound_a_list_inclusive_below_and_exclusive_above(server):
    tag = str(uuid4())
    server.submit(tags=[tag])

    after = server.call("GET", f"/jobs?tag={tag}&created_after=2200-01-01T00:00:00Z").json
    before = server.call("GET", f"/jobs?tag={tag}&created_before=2200-01-01T00:00:00Z").json

    assert (len(after), len(before)) == (0, 1)


def test_every_status_can_be_asked_for(working):
    tag = str(uuid4())
    done = working.submit(job_type="double", payload=1, tags=[tag])
    failed = working.submit(job_type="fail", max_attempts=1, tags=[tag])
    pending = working.submit(job_type="double", delay=3600, tags=[tag])
    cancelled = working.submit(job_type="double", delay=3600, tags=[tag])
    working.call("POST", f"/jobs/{cancelled['id']}/cancel")
    ended(working, done)
    ended(working, failed)

    found = {
        status: [job["id"] for job in working.call("GET", f"/jobs?tag={tag}&status={status}").json]
        for status in ("done", "failed", "pending", "cancelled", "processing")
    }

    assert found == {
        "done": [done["id"]],
        "failed": [failed["id"]],
        "pending": [pending["id"]],
        "cancelled": [cancelled["id"]],
        "processing": [],
    }


def test_a_job_that_is_done_shows_its_result_and_its_attempt(working):
    job = ended(working, working.submit(job_type="double", payload=21))

    attempts = working.call("GET", f"/jobs/{job['id']}/attempts").json

    assert (job["status"], job["attempts"], job["result"]) == ("done", 1, 42)
    assert working.call("GET", f"/jobs/{job['id']}/result").json == 42
    assert [(one["attempt"], one["outcome"], one["result"]) for one in attempts] == [
        (1, "complete", 42)
    ]


def test_a_result_of_nothing_is_null(working):
    job = ended(working, working.submit(job_type="nothing"))

    reply = working.call("GET", f"/jobs/{job['id']}/result")

    assert (reply.status, reply.body) == (200, b"null")


@pytest.mark.parametrize("fields", [{"job_type": "fail", "max_attempts": 1}, {"delay": 3600}])
def test_a_job_that_is_not_done_has_no_result(working, fields):
    job = working.submit(**fields)
    if "delay" not in fields:
        ended(working, job)

    reply = working.call("GET", f"/jobs/{job['id']}/result")

    assert reply.status == 409
    assert reply.json["type"] == "urn:duly:problem:not-allowed"


def test_a_failed_job_tells_why_and_can_be_retried(working):
    job = ended(working, working.submit(job_type="fail", max_attempts=1))

    retried = working.call("POST", f"/jobs/{job['id']}/retry")
    ended(working, job)

    assert (job["status"], job["attempts"]) == ("failed", 1)
    assert "no luck" in job["last_error"]
    assert (retried.status, retried.json["id"]) == (200, job["id"])
    assert len(working.call("GET", f"/jobs/{job['id']}/attempts").json) == 2


@pytest.mark.parametrize("body", [None, b"{}"], ids=["no body", "an empty object"])
def test_a_pending_job_is_cancelled_once(server, body):
    job = server.submit(delay=3600)

    first = server.call("POST", f"/jobs/{job['id']}/cancel", body)
    second = server.call("POST", f"/jobs/{job['id']}/cancel", body)

    assert (first.status, first.json["status"]) == (200, "cancelled")
    assert second.status == 409
    assert "cancelled" in second.json["detail"]


def test_a_pending_job_cannot_be_retried(server):
    job = server.submit(delay=3600)

    reply = server.call("POST", f"/jobs/{job['id']}/retry")

    assert reply.status == 409


def test_a_head_request_has_the_headers_and_no_body(server):
    job = server.submit()

    reply = server.call("HEAD", f"/jobs/{job['id']}")

    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["Content-Length"]) > 100

"""What running handlers report, over HTTP: the progress of a job, and its log page by page."""

from __future__ import annotations

from urllib.parse import urljoin
from uuid import uuid4

import pytest

from duly.config import Secret, Settings
from duly.handlers.registry import HandlerRegistry

from ..server import EventReader, eventually, running


async def report(payload, ctx):
    for n in range(payload["lines"]):
        ctx.log(f"line {n}", level="warning" if n % 2 else "info")
    ctx.progress(payload["lines"], payload["lines"], "all said")
    if ctx.attempt < payload.get("attempts", 1):
        raise OSError("once more")


@pytest.fixture(scope="module")
def working(database_url):
    """A server with a worker whose handler says as much as it is told to."""
    registry = HandlerRegistry()
    registry.add("report", report)
    settings = Settings(database_url=Secret(database_url), poll=0.1)
    with running(settings, registry, worker=True) as server:
        yield server


def reported(server, lines, **more):
    """A job whose handler has said so many lines."""
    job = server.submit(job_type="report", payload={"lines": lines, **more})

    def look():
        now = server.call("GET", f"/jobs/{job['id']}").json
        return now if now["status"] in ("done", "failed") else None

    return eventually(look, f"job {job} did not end")


def logs(server, job, query=""):
    reply = server.call("GET", f"/jobs/{job['id']}/logs{query}")
    assert reply.status == 200, reply.body
    return reply


def test_a_job_shows_its_newest_progress(working):
    job = reported(working, 3)

    (listed,) = [one for one in working.call("GET", "/jobs").json if one["id"] == job["id"]]
    progress = job["progress"]

    assert {name: progress[name] for name in ("done", "total", "note")} == {
        "done": 3,
        "total": 3,
        "note": "all said",
    }
    assert job["created_at"] < progress["at"] < job["finished_at"]
    assert listed == job


def test_a_job_whose_handler_reported_nothing_has_no_progress_and_no_lines(working):
    job = working.submit(delay=3600)

    assert job["progress"] is None
    assert working.call("GET", f"/jobs/{job['id']}").json["progress"] is None
    assert logs(working, job).json == []


def test_the_lines_of_a_job_are_told_in_order(working):
    job = reported(working, 3)

    reply = logs(working, job)

    assert [(one["attempt"], one["level"], one["message"]) for one in reply.json] == [
        (1, "info", "line 0"),
        (1, "warning", "line 1"),
        (1, "info", "line 2"),
    ]
    assert job["created_at"] < reply.json[0]["at"] < job["finished_at"]
    assert reply.headers["Link"] is None


def test_the_links_lead_through_every_line_once(working):
    job = reported(working, 25)
    path, seen = f"/jobs/{job['id']}/logs?limit=10&attempt=1", []

    while path is not None:
        reply = working.call("GET", path)
        seen += [line["message"] for line in reply.json]
        link = reply.headers["Link"]
        path = None if link is None else urljoin(path, link.split(";")[0].strip("<>"))

    assert seen == [f"line {n}" for n in range(25)]


def test_a_hundred_lines_are_a_page_unless_a_limit_is_given(working):
    job = reported(working, 120)

    assert len(logs(working, job).json) == 100
    assert len(logs(working, job, "?limit=1000").json) == 120


def test_a_client_goes_on_after_any_line_and_asks_for_one_attempt(working):
    job = reported(working, 2, attempts=2)
    lines = logs(working, job).json
    assert [line["attempt"] for line in lines] == [1, 1, 2, 2]

    assert logs(working, job, f"?after={lines[0]['position']}").json == lines[1:]
    assert logs(working, job, "?attempt=2").json == lines[2:]
    assert logs(working, job, "?attempt=3").json == []


@pytest.mark.parametrize(
    "query",
    ["?limit=0", "?limit=1001", "?attempt=0", "?after=5", "?after=1.x", "?after=", "?level=info"],
)
def test_a_parameter_that_does_not_fit_is_refused(server, query):
    job = server.submit(delay=3600)

    reply = server.call("GET", f"/jobs/{job['id']}/logs{query}")

    assert reply.status == 422
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_a_job_that_does_not_exist_has_no_logs(server):
    reply = server.call("GET", f"/jobs/{uuid4()}/logs")

    assert reply.status == 404
    assert reply.json["type"] == "urn:duly:problem:job-not-found"


def test_reports_are_in_the_stream_where_they_are_asked_for_and_before_the_end(working):
    job = reported(working, 3)
    path = f"/events?after=0&job_id={job['id']}"

    with EventReader(working, f"{path}&include=progress,log") as events:
        seen = events.until(status="done")
    with EventReader(working, path) as events:
        plain = events.until(status="done")

    told = [(one.event, one.data["change"]) for one in seen]
    assert told[:2] == [("job", "enqueue"), ("job", "claim")]
    assert told[-1] == ("job", "complete")
    assert sorted(told[2:-1]) == [("log", "log")] * 3 + [("progress", "progress")]
    assert [one.data["log"]["message"] for one in seen if one.event == "log"] == [
        f"line {n}" for n in range(3)
    ]
    (moved,) = [one.data["progress"] for one in seen if one.event == "progress"]
    assert moved == {"done": 3, "total": 3, "note": "all said"}
    assert [one.data["change"] for one in plain] == ["enqueue", "claim", "complete"]

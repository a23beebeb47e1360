"""Many jobs at once over HTTP: POST /jobs/cancel and POST /jobs/retry."""

from __future__ import annotations

from uuid import uuid4

import pytest

NO_JOB = "01920000-0000-7000-8000-000000000000"


@pytest.fixture
def tag():
    return str(uuid4())


def status_of(server, job):
    return server.call("GET", f"/jobs/{job['id']}").json["status"]


def test_jobs_are_cancelled_and_retried_by_a_filter(server, tag):
    jobs = [server.submit(tags=[tag], delay=3600) for _ in range(3)]
    other = server.submit(delay=3600)

    dry = server.call("POST", "/jobs/cancel", {"filter": {"tag": tag}, "dry_run": True})
    before = [status_of(server, job) for job in jobs]
    cancelled = server.call("POST", "/jobs/cancel", {"filter": {"tag": tag, "status": "pending"}})
    after = [status_of(server, job) for job in jobs]
    by_default = server.call("POST", "/jobs/retry", {"filter": {"tag": tag}})
    retried = server.call("POST", "/jobs/retry", {"filter": {"tag": tag, "status": "cancelled"}})

    assert (dry.status, dry.json) == (200, {"matched": 3, "changed": 0, "skipped": 0})
    assert (cancelled.status, cancelled.json) == (200, {"matched": 3, "changed": 3, "skipped": 0})
    assert by_default.json == {"matched": 0, "changed": 0, "skipped": 0}
    assert retried.json == {"matched": 3, "changed": 3, "skipped": 0}
    assert (before, after) == (["pending"] * 3, ["cancelled"] * 3)
    assert status_of(server, other) == "pending"


def test_jobs_are_meant_by_their_ids(server):
    first, second = (server.submit(delay=3600) for _ in range(2))
    server.call("POST", f"/jobs/{first['id']}/cancel")

    ids = [first["id"], second["id"], str(uuid4())]
    reply = server.call("POST", "/jobs/cancel", {"ids": ids})

    assert reply.json == {"matched": 2, "changed": 1, "skipped": 1}
    assert status_of(server, second) == "cancelled"


def test_every_job_must_be_said(server):
    dry = {"dry_run": True}

    refused = server.call("POST", "/jobs/cancel", {"filter": {}, **dry})
    meant = server.call("POST", "/jobs/cancel", {"filter": {}, "all": True, **dry})
    short = server.call("POST", "/jobs/cancel", {"all": True, **dry})

    assert (refused.status, refused.json["path"]) == (422, "$.filter")
    assert "all: true" in refused.json["detail"]
    assert (meant.status, short.status) == (200, 200)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "$"),
        ({"dry_run": True}, "$"),
        ({"ids": ["x"]}, "$.ids[0]"),
        ({"ids": [], "filter": {"queue": "a"}}, "$.ids"),
        ({"ids": [], "all": True}, "$.ids"),
        ({"ids": [NO_JOB] * 1_001}, "$.ids"),
        ({"filter": {"status": "done"}}, "$.filter.status"),
        ({"filter": {"status": "gone"}}, "$.filter.status"),
        ({"filter": {"state": "pending"}}, "$.filter.state"),
        ({"filter": {"tag": "a\x00"}}, "$.filter.tag"),
        ({"filter": {"queue": "a b"}}, "$.filter.queue"),
        ({"filter": {"created_after": "2031-05-01T08:00:00"}}, "$.filter.created_after"),
        ({"filter": {"queue": "a"}, "all": "yes"}, "$.all"),
        ([], "$"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_path(server, body, path):
    reply = server.call("POST", "/jobs/cancel", body)

    assert reply.headers["Content-Type"] == "application/problem+json"
    assert (reply.status, reply.json["path"]) == (422, path)


def test_text_that_is_not_json_is_malformed(server):
    reply = server.call("POST", "/jobs/retry", b"{", headers={"Content-Type": "application/json"})

    assert (reply.status, reply.headers["Content-Type"]) == (400, "application/problem+json")


def test_an_address_that_looks_like_a_job_is_none(server):
    assert server.call("GET", "/jobs/cancel").status == 405

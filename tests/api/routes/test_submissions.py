"""Jobs coming in over HTTP."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from duly.config import Secret, Settings
from duly.handlers.registry import HandlerRegistry

from ..server import running

PUBLIC = (
    "id job_type payload status attempts max_attempts last_error scheduled_at"
    " processing_started_at created_at updated_at"
).split()
LINES = {"Content-Type": "application/x-ndjson"}


def test_a_submission_is_answered_with_the_whole_job_and_its_place(server):
    job = {"job_type": "email", "payload": {"to": "someone@example.com"}}

    reply = server.call("POST", "/jobs", job)

    made = reply.json
    assert reply.status == 201
    assert reply.headers["Location"] == f"/jobs/{made['id']}"
    assert list(made)[:11] == PUBLIC
    assert UUID(made["id"]).version == 7
    assert made["payload"] == job["payload"]
    assert (made["status"], made["attempts"], made["max_attempts"]) == ("pending", 0, 3)
    assert made["scheduled_at"] == made["created_at"] == made["updated_at"]
    assert made["created_at"].endswith("Z")
    assert server.call("GET", reply.headers["Location"]).json == made


def test_every_option_is_kept(server):
    options = {
        "job_type": "nobody-does-this",
        "payload": [1, {"a": None}],
        "queue": "images",
        "priority": 7,
        "max_attempts": 9,
        "run_at": "2031-02-03T04:05:06.789+02:00",
        "unique_key": str(uuid4()),
        "tags": ["a", "b"],
    }

    job = server.submit(**options)

    kept = server.call("GET", f"/jobs/{job['id']}").json
    assert kept == job
    assert {**options, "run_at": None} == {**{name: kept.get(name) for name in options}}
    assert datetime.fromisoformat(kept["scheduled_at"]) == datetime.fromisoformat(options["run_at"])


def test_a_delay_is_counted_from_now(server):
    job = server.submit(delay=3600)

    created_at = datetime.fromisoformat(job["created_at"])
    assert datetime.fromisoformat(job["scheduled_at"]) - created_at == timedelta(hours=1)
    assert abs(created_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_payload_comes_back_as_the_same_json(server):
    payload = {"text": '\u00e9\U0001f600\t"\\', "number": 12345678901234567890, "nested": [[[]]]}

    job = server.submit(payload=payload)

    assert server.call("GET", f"/jobs/{job['id']}").json["payload"] == payload


@pytest.mark.parametrize(
    "headers",
    [{}, {"Content-Type": "application/json; charset=UTF-8"}, {"Content-Type": "APPLICATION/JSON"}]
    + [{"Content-Type": "application/vnd.jobs+json"}],
    ids=lambda headers: str(headers.get("Content-Type")),
)
def test_json_is_recognised_by_what_clients_call_it(server, headers):
    assert server.call("POST", "/jobs", b'{"job_type": "a"}', headers).status == 201


def test_the_same_idempotency_key_and_body_answer_the_same_job(server):
    headers = {"Idempotency-Key": str(uuid4())}

    first = server.call("POST", "/jobs", {"job_type": "a"}, headers)
    second = server.call("POST", "/jobs", {"job_type": "a"}, headers)

    assert (first.status, second.status) == (201, 201)
    assert first.json["id"] == second.json["id"]


def test_the_same_idempotency_key_with_another_body_is_a_conflict(server):
    headers = {"Idempotency-Key": str(uuid4())}
    server.call("POST", "/jobs", {"job_type": "a"}, headers)

    reply = server.call("POST", "/jobs", {"job_type": "b"}, headers)

    assert reply.status == 409
    assert reply.json["type"] == "urn:duly:problem:idempotency-conflict"


def test_one_key_sent_by_many_at_once_makes_one_job(server):
    headers = {"Idempotency-Key": str(uuid4())}

    with ThreadPoolExecutor(16) as pool:
        replies = list(
            pool.map(lambda _: server.call("POST", "/jobs", {"job_type": "a"}, headers), range(32))
        )

    assert {reply.status for reply in replies} == {201}
    assert len({reply.json["id"] for reply in replies}) == 1


def test_a_unique_key_that_a_live_job_holds_answers_that_job(server):
    key = str(uuid4())

    first = server.submit(unique_key=key)
    second = server.submit(unique_key=key)

    assert second["id"] == first["id"]


def test_a_batch_is_answered_in_its_order(server):
    tag = str(uuid4())
    jobs = [{"job_type": f"type-{number}", "tags": [tag]} for number in range(25)]

    reply = server.call("POST", "/jobs/batch", jobs)

    assert reply.status == 201
    assert [job["job_type"] for job in reply.json] == [job["job_type"] for job in jobs]
    listed = server.call("GET", f"/jobs?tag={tag}").json
    assert {job["id"] for job in listed} == {job["id"] for job in reply.json}


def test_a_batch_of_lines_does_the_same(server):
    lines = b"\n".join(json.dumps({"job_type": f"line-{n}"}).encode() for n in range(3))

    reply = server.call("POST", "/jobs/batch", lines, LINES)

    assert [job["job_type"] for job in reply.json] == ["line-0", "line-1", "line-2"]


def test_a_batch_of_nothing_makes_nothing(server):
    reply = server.call("POST", "/jobs/batch", [])

    assert (reply.status, reply.json) == (201, [])


def test_a_batch_with_one_wrong_job_makes_none(server):
    tag = str(uuid4())
    jobs = [{"job_type": "a", "tags": [tag]}, {"job_type": "a", "priority": 500}]

    reply = server.call("POST", "/jobs/batch", jobs)

    assert (reply.status, reply.json["path"]) == (422, "$[1].priority")
    assert server.call("GET", f"/jobs?tag={tag}").json == []


def test_ten_thousand_jobs_fit_into_a_batch_and_one_more_does_not(server):
    job = b'{"job_type":"many"}'

    most = server.call("POST", "/jobs/batch", b"\n".join([job] * 10_000), LINES)
    more = server.call("POST", "/jobs/batch", b"\n".join([job] * 10_001), LINES)

    assert (most.status, len(most.json)) == (201, 10_000)
    assert (more.status, more.json["path"]) == (422, "$")


def test_an_idempotency_key_for_a_batch_is_refused_and_not_ignored(server):
    reply = server.call("POST", "/jobs/batch", [], {"Idempotency-Key": "k"})

    assert (reply.status, reply.json["path"]) == (422, "idempotency-key")


def test_a_strict_server_refuses_a_type_that_nobody_does(database_url):
    registry = HandlerRegistry()
    registry.add("known", lambda payload: payload)
    settings = Settings(database_url=Secret(database_url), strict_job_types=True)

    with running(settings, registry) as strict:
        known = strict.call("POST", "/jobs", {"job_type": "known"})
        unknown = strict.call("POST", "/jobs", {"job_type": "unknown"})
        batch = strict.call("POST", "/jobs/batch", [{"job_type": "known"}, {"job_type": "x"}])

    assert known.status == 201
    assert (unknown.status, unknown.json["path"]) == (422, "$.job_type")
    assert "known" in unknown.json["detail"]
    assert (batch.status, batch.json["path"]) == (422, "$[1].job_type")

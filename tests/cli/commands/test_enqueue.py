"""`duly enqueue`: what is made of the words, and following a job to its end."""

from __future__ import annotations

import json
from datetime import datetime

import pytest


def test_the_json_of_a_new_job_is_what_the_http_api_answers(duly, server):
    job = duly.json("enqueue", "later", "--arg", "to=ada@example.org", "--in", "1h")

    assert job == server.get(f"/jobs/{job['id']}")
    assert list(job)[:4] == ["id", "job_type", "payload", "status"]


def test_every_option_arrives_at_the_job(duly):
    job = duly.json(
        "enqueue", "report", "--payload", '{"month": 5}', "--queue", "reports", "--priority", "7",
        "--max-attempts", "9", "--unique-key", "may", "--tag", "a", "--tag", "b",
        "--at", "2031-05-01T10:00:00+02:00",
    )  # fmt: skip

    assert job["payload"] == {"month": 5}
    assert (job["queue"], job["priority"], job["max_attempts"]) == ("reports", 7, 9)
    assert (job["unique_key"], job["tags"]) == ("may", ["a", "b"])
    assert job["scheduled_at"] == "2031-05-01T08:00:00Z"


def test_a_pair_is_text_and_with_a_colon_json(duly):
    job = duly.json(
        "enqueue", "x", "--in", "1h", "--arg", "zip=01234", "--arg", "n:=5", "--arg", "l:=[1,null]"
    )

    assert job["payload"] == {"zip": "01234", "n": 5, "l": [1, None]}


def test_a_payload_is_read_from_stdin_with_all_the_digits_of_its_numbers(duly):
    done = duly("enqueue", "x", "--in", "1h", "--payload", "-", "--json", stdin='{"n": 1.10000}')

    assert '"n": 1.10000' in done.stdout


def test_a_duration_delays_the_job(duly):
    job = duly.json("enqueue", "x", "--in", "1h30m")

    due = datetime.fromisoformat(job["scheduled_at"])
    made = datetime.fromisoformat(job["created_at"])
    assert (due - made).total_seconds() == pytest.approx(5400, abs=1)


def test_a_quiet_enqueue_prints_the_id_and_nothing_else(duly):
    done = duly("enqueue", "x", "--in", "1h", "-q")

    assert duly.json("jobs", "show", done.stdout.strip())["job_type"] == "x"
    assert done.stderr == ""


def test_a_held_unique_key_answers_the_live_job(duly):
    first = duly.json("enqueue", "x", "--in", "1h", "--unique-key", "only one")
    second = duly.json("enqueue", "x", "--in", "1h", "--unique-key", "only one")

    assert second["id"] == first["id"]


def test_waiting_answers_the_job_as_it_ended(duly, server):
    job = duly.json("enqueue", "hello", "--arg", "name=Ada", "--wait")

    assert (job["status"], job["result"]) == ("done", {"greeting": "Hello Ada"})
    assert job == server.get(f"/jobs/{job['id']}")


def test_watching_prints_each_event_of_the_job(duly, server):
    done = duly("enqueue", "hello", "--arg", "name=Ada", "--watch", "--json")

    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["change"] for event in events] == ["enqueue", "claim", "complete"]
    assert len({event["job_id"] for event in events}) == 1


def test_watching_tells_people_the_time_the_status_and_what_went_wrong(duly, server):
    done = duly("enqueue", "boom", "--max-attempts", "1", "--watch")

    head, pending, processing, failed = done.stdout.splitlines()
    assert done.returncode == 1
    assert head.endswith("boom  queue=default  priority=0")
    assert "pending" in pending
    assert "processing  attempt 1  (+" in processing
    assert "failed      ValueError: red boom  (+" in failed


def test_watching_a_job_whose_type_is_unknown_says_so(duly, server):
    done = duly("enqueue", "unheard.of", "--watch")

    assert done.returncode == 1
    assert "No handler is registered for job type 'unheard.of'" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x", "--payload", "{a"], "--payload"),
        (["x", "--payload", '{"a": "\\u0000"}'], "--payload (payload.a)"),
        (["x", "--arg", "novalue"], "not of the form"),
        (["x", "--arg", "a:=[1"], "not JSON"),
        (["x", "--max-attempts", "0"], "--max-attempts: must be between"),
        (["x", "--priority", "1000"], "--priority: must be between"),
        (["x", "--in", "soon"], "no duration"),
        (["x", "--in", "9999d"], "longer than ten years"),
        (["x", "--in", "800d"], "--in: must be between"),
        (["x", "--at", "1970-01-01T00:00:00Z"], "--at: must lie between"),
        (["x", "--tag", ""], "--tag (tags[0])"),
        (["x", "--queue", "no queue"], "--queue: must be"),
        (["no type"], "JOB_TYPE: must be"),
    ],
)
def test_a_refusal_names_the_option_as_it_was_typed(duly, words, message):
    done = duly("enqueue", *words)

    assert done.returncode == 2
    assert message in done.stderr

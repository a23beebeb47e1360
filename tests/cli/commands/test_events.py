"""`duly events`: what was, and what is to come."""

from __future__ import annotations

import json
import select
import signal

import pytest
from spec.faults import kill_postgres

from ..programs import CommandLine, read_line, until


@pytest.fixture
def ended(duly, server):
    """The id of a job that has ended, and whose events are all in the stream."""
    return duly("enqueue", "hello", "--arg", "name=Ada", "--watch", "--json").stdout.split('"')[3]


def events(duly, *words):
    done = duly("events", "--json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_without_following_the_events_up_to_now_are_printed(duly, ended):
    found = events(duly, "--job", ended)

    assert [event["change"] for event in found] == ["enqueue", "claim", "complete"]
    assert [event["status"] for event in found] == ["pending", "processing", "done"]


def test_an_event_is_what_the_http_api_streams_with_its_position_beside_it(duly, ended):
    first, *_ = events(duly, "--job", ended)

    assert list(first) == [
        "job_id", "job_type", "queue", "change", "status", "attempt", "at", "position",
    ]  # fmt: skip
    assert first["job_type"] == "hello"


def test_the_stream_is_taken_up_after_a_position(duly, ended):
    first, second, third = events(duly, "--job", ended)

    assert events(duly, "--job", ended, "--after", first["position"]) == [second, third]


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (["--status", "done"], ["complete"]),
        (["--type", "hello", "--queue", "default", "--since", "1h"], None),
        (["--type", "other"], []),
        (["--queue", "other"], []),
        (["--tag", "other"], []),
        (["--since", "2031-01-01T00:00:00Z"], []),
    ],
)
def test_a_filter_narrows_the_events(duly, ended, words, changes):
    found = [event["change"] for event in events(duly, "--job", ended, *words)]

    assert found == (["enqueue", "claim", "complete"] if changes is None else changes)


def test_a_position_of_nowhere_is_answered_with_a_reset(duly, ended):
    (reset,) = events(duly, "--after", "elsewhere.7")

    assert reset["change"] == "reset"
    assert "another history" in reset["reason"]


def test_following_prints_what_happens_from_then_on(duly, server):
    process = duly.start("events", "-f", "--type", "hello")

    def hear():
        """The first job may have ended before the command listens: then another is told."""
        duly("enqueue", "hello", "--arg", "name=Ada", "--wait")
        is_told, _, _ = select.select([process.stdout], [], [], 1.0)
        return read_line(process) if is_told else None

    try:
        line = until(hear, "an event")
        process.send_signal(signal.SIGINT)

        assert "hello  " in line
        assert process.wait(30) == 130
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_following_begins_after_a_position(duly, ended):
    first, second, _ = events(duly, "--job", ended)

    process = duly.start("events", "-f", "--json", "--job", ended, "--after", first["position"])
    try:
        assert json.loads(read_line(process)) == second
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_following_goes_on_when_the_database_was_killed(own_postgres, tmp_path):
    duly = CommandLine(tmp_path, {"DATABASE_URL": own_postgres.start().reveal()})
    process = duly.start("events", "-f", "--after", "0", "--json")
    try:
        early = duly.json("enqueue", "later", "--in", "1h")["id"]
        assert json.loads(read_line(process))["job_id"] == early
        kill_postgres(own_postgres)
        note = until((tmp_path / "stderr").read_text, "a note that it is away")
        own_postgres.start()
        late = duly.json("enqueue", "later", "--in", "1h")["id"]

        assert json.loads(read_line(process))["job_id"] == late
        assert "The database cannot be reached" in note
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

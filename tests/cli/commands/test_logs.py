"""`duly jobs logs`, and what the other commands show of what handlers report."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from ..programs import read_line, until


@pytest.fixture
def reported(duly, server):
    """The id of a job that has ended, and whose handler has reported."""
    return duly("enqueue", "report", "--wait", "-q").stdout.strip()


def test_the_lines_are_what_the_http_api_answers(duly, server, reported):
    done = duly("jobs", "logs", reported, "--json")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == server.get(f"/jobs/{reported}/logs")
    assert [line["level"] for line in lines] == ["info", "warning"]


def test_lines_are_shown_without_what_a_terminal_would_obey(duly, reported):
    first, second, third = duly("jobs", "logs", reported).stdout.splitlines()

    assert first.startswith(" 1  ") and first.endswith("  info     begun")
    assert second == " " * 27 + "in two lines"
    assert third.endswith("  warning  careful")


def test_only_one_attempt_may_be_asked_for(duly, reported):
    assert duly("jobs", "logs", reported, "--attempt", "1").stdout.count("\n") == 3
    assert duly("jobs", "logs", reported, "--attempt", "2").stdout == ""


def test_following_ends_at_once_where_the_job_has_ended(duly, reported):
    done = duly("jobs", "logs", "-f", reported)

    assert done.returncode == 0
    assert done.stdout == duly("jobs", "logs", reported).stdout


def test_following_prints_each_line_once_until_the_job_ends(duly, server):
    gate = duly.folder / "gate"
    job = duly("enqueue", "report", "--arg", f"gate={gate}", "-q").stdout.strip()
    process = duly.start("jobs", "logs", "-f", "--json", job)
    try:
        first = json.loads(read_line(process))
        gate.touch()
        second = json.loads(read_line(process))

        assert (first["message"], second["message"]) == ("\x1b[31mbegun\nin two lines", "careful")
        assert process.wait(30) == 0
        assert process.stdout.read() == b""
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_job_that_does_not_exist_has_no_logs(duly, server):
    done = duly("jobs", "logs", str(uuid4()))

    assert done.returncode == 3
    assert "There is no job" in done.stderr


def test_a_running_job_shows_its_progress(duly, server):
    gate = duly.folder / "gate"
    job = duly("enqueue", "report", "--arg", f"gate={gate}", "-q").stdout.strip()
    until(lambda: duly.json("jobs", "show", job)["progress"], "the progress is there")

    shown = duly("jobs", "show", job).stdout
    gate.touch()

    assert "\nprogress 1/4 (25 %)  first page, " in shown


def test_reports_are_among_the_events_where_they_are_included(duly, reported):
    words = ["events", "--job", reported]
    plain = duly(*words).stdout
    both = duly(*words, "--include", "log,progress").stdout
    told = [
        json.loads(line)
        for line in duly(*words, "--include", "log", "--json").stdout.split("\n")[:-1]
    ]

    assert "begun" not in plain and "4/4" not in plain
    assert "  log         begun in two lines" in both
    assert "  log         warning: careful" in both
    assert "  progress    4/4 (100 %)" in both
    assert [event["log"]["message"] for event in told if event["change"] == "log"] == [
        "\x1b[31mbegun\nin two lines",
        "careful",
    ]
    assert "progress" not in {event["change"] for event in told}


def test_a_kind_of_reports_that_does_not_exist_is_refused(duly, server):
    done = duly("events", "--include", "noise")

    assert done.returncode == 2
    assert "write progress, log, or progress,log" in done.stderr

"""Each exit code, reached in a real process, and written down where users look for it."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from .programs import CommandLine, read_line

PAGE = Path(__file__).parents[2] / "docs/reference/exit-codes.md"
NOBODY = "0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10"


def documented():
    return {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text(), re.MULTILINE)}


def test_the_page_of_exit_codes_names_those_that_are_tested_here():
    assert documented() == {0, 1, 2, 3, 4, 5, 124, 130}


def test_a_command_that_did_what_was_asked_exits_0(duly):
    assert duly("jobs", "list").returncode == 0


def test_waiting_for_a_job_that_fails_exits_1(duly, server):
    done = duly("enqueue", "boom", "--max-attempts", "1", "--wait")

    assert done.returncode == 1
    assert "red boom" in done.stdout


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["jobs", "list", "--status", "lost"],
        ["jobs", "list", "--limit", "0"],
        ["jobs", "list", "--since", "yesterday"],
        ["enqueue"],
        ["enqueue", "not a type"],
        ["enqueue", "x", "--timeout", "1s"],
        ["enqueue", "x", "--at", "2031-01-01T00:00:00"],
        ["enqueue", "x", "--at", "2031-01-01T00:00:00Z", "--in", "5s"],
        ["enqueue", "x", "--payload", "{}", "--arg", "a=b"],
        ["events", "--since", "1h", "--after", "0"],
        ["serve", "--port", "70000"],
    ],
)
def test_a_wrong_usage_exits_2_with_a_sentence_and_no_trace(duly, words):
    done = duly(*words)

    assert done.returncode == 2
    assert done.stdout == ""
    assert "Error: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("verb", ["show", "retry", "cancel"])
@pytest.mark.parametrize("job_id", [NOBODY, "no-uuid"])
def test_a_job_that_does_not_exist_exits_3(duly, verb, job_id):
    done = duly("jobs", verb, job_id)

    assert done.returncode == 3
    assert f"There is no job {job_id}" in done.stderr


def test_a_verb_that_the_status_does_not_allow_exits_4(duly):
    job = duly.json("enqueue", "hello", "--in", "1h")

    done = duly("jobs", "retry", job["id"])

    assert done.returncode == 4
    assert "retry is possible only for" in done.stderr


@pytest.mark.parametrize(
    "words", [["jobs", "list"], ["enqueue", "x"], ["db", "status"], ["events"], ["worker"]]
)
def test_a_database_that_is_away_exits_5(tmp_path, words):
    away = CommandLine(tmp_path, {"DATABASE_URL": "postgresql://me:hunter22@127.0.0.1:1/x"})

    done = away(*words)

    assert done.returncode == 5
    assert "DATABASE_URL" in done.stderr
    assert "hunter22" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_a_job_that_does_not_end_in_time_exits_124(duly):
    done = duly("enqueue", "hello", "--in", "1h", "--wait", "--timeout", "200ms")

    assert done.returncode == 124
    assert "has not ended in time" in done.stderr


def test_ctrl_c_exits_130(duly, server):
    process = duly.start("events", "-f", "--after", "0", "--json")
    job = duly.json("enqueue", "hello", "--arg", "name=Ada")
    while job["id"] not in read_line(process):
        pass

    process.send_signal(signal.SIGINT)

    assert process.wait(30) == 130
    process.stdout.close()


def test_debug_adds_the_trace_and_keeps_the_exit_code(duly):
    done = duly("jobs", "show", NOBODY, "--debug")

    assert done.returncode == 3
    assert "Traceback" in done.stderr

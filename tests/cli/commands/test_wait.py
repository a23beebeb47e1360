"""`duly jobs wait`: until all have ended, each told as it ends."""

from __future__ import annotations

import json
import signal
import time
from uuid import uuid4

import pytest

from ..programs import PATIENCE, read_line, until


def made(duly, *words):
    return duly("enqueue", *words, "-q").stdout.strip()


@pytest.fixture
def hello(duly):
    return made(duly, "hello", "--arg", "name=Ada")


@pytest.fixture
def boom(duly):
    return made(duly, "boom", "--max-attempts", "1")


@pytest.fixture
def later(duly):
    return made(duly, "hello", "--arg", "name=Ada", "--in", "1h")


def test_the_job_is_printed_as_the_http_api_answers_it(duly, server, hello):
    job = duly.json("jobs", "wait", hello)

    assert job == server.get(f"/jobs/{hello}")
    assert job["status"] == "done"


def test_each_of_several_jobs_is_an_object_on_a_line(duly, server, hello, boom):
    done = duly("jobs", "wait", hello, boom, "--json")

    found = {job["id"]: job["status"] for job in map(json.loads, done.stdout.splitlines())}
    assert found == {hello: "done", boom: "failed"}


def test_people_are_told_how_each_job_ended_and_of_what(duly, server, hello, boom):
    done = duly("jobs", "wait", hello, boom)

    assert set(done.stdout.splitlines()) == {
        f"{hello}  hello  done  attempts 1",
        f"{boom}  boom  failed  attempts 1  ValueError: red boom",
    }


def test_the_exit_code_is_0_when_all_are_done_and_1_when_one_is_not(duly, server, hello, boom):
    assert duly("jobs", "wait", hello, "-q").returncode == 0
    assert duly("jobs", "wait", hello, boom, "-q").returncode == 1


def test_a_job_that_is_cancelled_meanwhile_is_told_at_once(duly, server, later):
    process = duly.start("jobs", "wait", later)
    try:
        duly("jobs", "cancel", later)
        line = read_line(process)

        assert "cancelled" in line
        assert process.wait(PATIENCE) == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_ids_are_read_from_stdin_and_each_is_waited_for_once(duly, server, hello, boom):
    done = duly("jobs", "wait", "-", "-q", stdin=f"{hello}\n{boom}\n{hello}\n")

    assert sorted(done.stdout.split()) == sorted([hello, boom])


def test_nothing_to_wait_for_is_done_at_once(duly):
    done = duly("jobs", "wait", "-", stdin="")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_those_that_end_in_time_are_printed_and_the_others_counted(duly, server, hello, later):
    started = time.monotonic()
    done = duly("jobs", "wait", hello, later, "--timeout", "2s", "-q")

    assert done.returncode == 124
    assert done.stdout.split() == [hello]
    assert "1 of 2 jobs have not ended in time. They go on." in done.stderr
    assert time.monotonic() - started < 20
    assert duly.json("jobs", "show", later)["status"] == "pending"


def test_an_id_of_nobody_is_told_and_the_others_are_waited_for(duly, server, hello):
    nobody = str(uuid4())

    done = duly("jobs", "wait", nobody, hello, "no-uuid", "-q")

    assert done.returncode == 3
    assert done.stdout.split() == [hello]
    assert f"There is no job {nobody}" in done.stderr
    assert "There is no job no-uuid" in done.stderr


def test_somebody_who_stops_waiting_is_gone_at_once_and_the_job_stays(duly, server, hello, later):
    process = duly.start("jobs", "wait", hello, later, "-q")
    try:
        assert read_line(process).strip() == hello
        process.send_signal(signal.SIGINT)

        assert process.wait(PATIENCE) == 130
        assert until((duly.folder / "stderr").read_text, "an empty line") == "\n"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert duly.json("jobs", "show", later)["status"] == "pending"

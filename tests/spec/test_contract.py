"""A client of the existing engine, and its `.env`: both must work with duly, unchanged.

This file speaks plain HTTP and knows nothing of duly but the name of its command: the routes,
fields, statuses and settings are those that the existing engine has.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest

PATIENCE = 60.0
SETTINGS = "DATABASE_URL PORT SMTP_HOST SMTP_PORT SMTP_USERNAME SMTP_PASSWORD FROM_EMAIL".split()
FIELDS = (
    "id job_type payload status attempts max_attempts last_error scheduled_at"
    " processing_started_at created_at updated_at"
).split()


class Engine:
    """A server that was started in a folder with nothing but a `.env`."""

    def __init__(self, folder, dot_env):
        self.port = int(dot_env["PORT"])
        lines = [f'{name}="{value}"' for name, value in dot_env.items()]
        (folder / ".env").write_text("\n".join(lines) + "\n")
        kept = {
            name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ
        }
        self._output = folder / "output"
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "duly", "serve"],
                cwd=folder,
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def wait_until_up(self):
        def answers():
            assert self._process.poll() is None, self._output.read_text()
            try:
                return self.call("GET", "/jobs?limit=1")[0] == 200
            except OSError:
                return False

        until(answers, f"the server did not come up: {self._output.read_text()}")
        return self

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(PATIENCE)

    def call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, body and json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def submit(self, **job):
        status, made = self.call("POST", "/jobs", job)
        assert status in (200, 201), made
        return made

    def job(self, job):
        return self.call("GET", f"/jobs/{job['id']}")[1]


class Live:
    """Everything that the stream tells from now on."""

    def __init__(self, engine):
        self._connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=PATIENCE)
        self._connection.request("GET", "/events")
        # An answer that ends with its connection takes the socket over: it is kept to be closed.
        self._socket = self._connection.sock
        self.answer = self._connection.getresponse()
        self.updates = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def close(self):
        """Hang up: shutting the socket down ends the reading, so that it can be closed."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._reading.join(PATIENCE)
        self.answer.close()
        self._socket.close()

    def _read(self):
        try:
            for line in self.answer:
                if line.startswith(b"data:"):
                    self.updates.append(json.loads(line[5:]))
        except (OSError, ValueError, http.client.HTTPException):
            return

    def of(self, job):
        return [update["status"] for update in self.updates if update["job_id"] == job["id"]]


def until(condition, message):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        threading.Event().wait(0.02)
    raise AssertionError(message)


def moment(text):
    return datetime.fromisoformat(text)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture(scope="module")
def engine(postgres, tmp_path_factory):
    """The server with every setting of the existing engine, and a mail server that is not there."""
    with postgres.database() as url:
        dot_env = dict.fromkeys(SETTINGS, "someone") | {
            "DATABASE_URL": url,
            "PORT": free_port(),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": free_port(),
            "FROM_EMAIL": "jobs@example.com",
        }
        started = Engine(tmp_path_factory.mktemp("engine"), dot_env)
        try:
            yield started.wait_until_up()
        finally:
            assert started.stop() == 0


def test_a_submission_answers_the_whole_job(engine):
    payload = {"to": "someone@example.com"}

    job = engine.submit(job_type="email", payload=payload)

    assert set(FIELDS) <= set(job)
    assert str(uuid.UUID(job["id"])) == job["id"]
    assert (job["job_type"], job["payload"]) == ("email", payload)
    assert (job["status"], job["attempts"], job["max_attempts"]) == ("pending", 0, 3)
    assert (job["last_error"], job["processing_started_at"]) == (None, None)
    for name in ("scheduled_at", "created_at", "updated_at"):
        assert abs(moment(job[name]) - datetime.now(UTC)) < timedelta(minutes=5)


def test_one_job_is_found_by_its_id(engine):
    job = engine.submit(job_type="report", payload={"n": [1, 2.5, None, "ü"]})

    status, found = engine.call("GET", f"/jobs/{job['id']}")

    assert status == 200
    assert {name: found[name] for name in ("id", "job_type", "payload", "created_at")} == {
        name: job[name] for name in ("id", "job_type", "payload", "created_at")
    }


@pytest.mark.parametrize("job_id", [uuid.uuid4(), "42"])
def test_a_job_that_is_not_there_is_not_found(engine, job_id):
    assert engine.call("GET", f"/jobs/{job_id}")[0] == 404


def test_the_list_is_an_array_with_the_newest_first_and_heeds_its_limit(engine):
    made = [engine.submit(job_type="report", payload={})["id"] for _ in range(3)]

    status, jobs = engine.call("GET", "/jobs?limit=2")

    assert status == 200
    assert [job["id"] for job in jobs] == [made[2], made[1]]
    assert set(FIELDS) <= set(jobs[0])


@pytest.mark.parametrize("status", ["pending", "processing", "done", "failed"])
def test_the_list_heeds_the_status_that_is_asked_for(engine, status):
    engine.submit(
        job_type="email", payload={"to": "later@example.com"}, run_at="2199-01-01T00:00:00Z"
    )

    answered, jobs = engine.call("GET", f"/jobs?limit=100&status={status}")

    assert answered == 200
    assert {job["status"] for job in jobs} <= {status}
    assert status != "pending" or jobs


def test_a_type_that_nobody_does_fails_with_a_clear_error(engine):
    job = engine.submit(job_type="nobody-does-this", payload={})

    failed = until(
        lambda: (found := engine.job(job))["status"] == "failed" and found, "it did not fail"
    )

    assert "nobody-does-this" in failed["last_error"]
    assert failed["processing_started_at"] is None


def test_a_job_that_fails_is_tried_again_after_a_second_then_five(engine):
    job = engine.submit(job_type="email", payload={"to": "someone@example.com"})

    waits = {}
    for tries in (1, 2):
        failed = until(
            lambda tries=tries: (
                (found := engine.job(job))["attempts"] == tries
                and found["status"] == "pending"
                and found
            ),
            f"attempt {tries} did not fail",
        )
        waits[tries] = (moment(failed["scheduled_at"]) - moment(failed["updated_at"])).seconds
        assert failed["last_error"]
        assert failed["processing_started_at"] is None

    assert waits[1] in (0, 1)
    assert waits[2] in (4, 5)


def test_an_email_without_a_recipient_fails_with_a_clear_error(engine):
    job = engine.submit(job_type="email", payload={"subject": "nobody"})

    failed = until(lambda: (found := engine.job(job))["last_error"] and found, "it did not fail")

    assert "to" in failed["last_error"]


def test_every_change_is_told_as_it_happens(engine):
    live = Live(engine)
    assert live.answer.status == 200
    assert live.answer.headers["Content-Type"].startswith("text/event-stream")

    job = engine.submit(job_type="nobody-does-this", payload={})

    until(lambda: "failed" in live.of(job), f"the end was not told: {live.updates}")
    assert live.of(job)[:2] == ["pending", "processing"]
    live.close()


def test_a_job_for_later_waits_until_then(engine):
    later = datetime.now(UTC) + timedelta(seconds=1.5)
    job = engine.submit(job_type="nobody-does-this", payload={}, run_at=later.isoformat())

    assert abs(moment(job["scheduled_at"]) - later) < timedelta(milliseconds=1)
    assert engine.job(job)["attempts"] == 0
    ended = until(
        lambda: (found := engine.job(job))["status"] == "failed" and found, "it was not started"
    )

    assert moment(ended["updated_at"]) >= later


def test_without_mail_settings_the_server_starts_and_only_the_email_fails(postgres, tmp_path):
    with postgres.database() as url:
        engine = Engine(tmp_path, {"DATABASE_URL": url, "PORT": free_port()})
        try:
            engine.wait_until_up()
            job = engine.submit(job_type="email", payload={"to": "someone@example.com"})

            failed = until(
                lambda: (found := engine.job(job))["last_error"] and found, "it did not fail"
            )
        finally:
            stopped = engine.stop()

    assert "SMTP" in failed["last_error"] or "FROM_EMAIL" in failed["last_error"]
    assert stopped == 0

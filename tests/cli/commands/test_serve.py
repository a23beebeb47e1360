"""`duly serve` and `duly worker`: what they say, whom they serve, and how they end."""

from __future__ import annotations

import json
import signal

import pytest

from ..programs import read_line, running_server, until


def test_a_server_says_where_it_is_what_it_uses_and_what_to_do_next(server, duly):
    facts = server.facts

    assert server.get("/livez") is not None
    assert facts["job_types"] == ["boom", "email", "hello", "report"]
    assert facts["slots"] == 10
    assert facts["database"].startswith("postgresql://duly@")


def test_the_startup_text_names_no_password(duly):
    process = duly.start("serve", "--port", "0", "--json")
    read_line(process)
    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 0
    text = (duly.folder / "stderr").read_text()
    password = duly.environment["DATABASE_URL"].split("@")[0].rsplit(":", 1)[1]
    assert "API       http://127.0.0.1:" in text
    assert "Worker    10 slots, all queues, job types email" in text
    assert "Try:  duly enqueue" in text
    assert "Stop: Ctrl-C" in text
    assert password not in text
    process.stdout.close()


def test_without_a_worker_jobs_wait_for_one_that_runs_elsewhere(duly):
    with running_server(duly, "tasks:app", "--no-worker") as up:
        assert up.facts["slots"] == 0
        job = duly.json("enqueue", "hello", "--arg", "name=Ada", "--queue", "mine")
        worker = duly.start("worker", "tasks:app", "--slots", "2", "--queues", "mine", "--json")
        facts = json.loads(read_line(worker))

        ended = until(lambda: done_job(up, job["id"]), "the job is done")
        worker.send_signal(signal.SIGTERM)

        assert (facts["slots"], facts["queues"]) == (2, ["mine"])
        assert ended["result"] == {"greeting": "Hello Ada"}
        assert worker.wait(60) == 0
        worker.stdout.close()


def done_job(server, job_id):
    job = server.get(f"/jobs/{job_id}")
    return job if job["status"] == "done" else None


@pytest.mark.parametrize("command", ["serve", "worker"])
@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nowhere:app", "there is no module 'nowhere'"),
        ("tasks:nothing", "has no 'nothing': did you mean tasks:app?"),
        ("tasks:not_an_app", "is of type int; it must be a Duly"),
        ("tasks.py", "is a path: give the module's name, tasks:app"),
        ("broken:app", "ZeroDivisionError: division by zero (broken.py, line 2)"),
        ("needy:app", "No module named 'no_such_thing'"),
        ("a..b", "there is no module 'a..b'"),
    ],
)
def test_a_target_that_is_no_app_is_refused_with_the_reason(duly, command, target, message):
    (duly.folder / "broken.py").write_text("x = 1\n1 / 0\n")
    (duly.folder / "needy.py").write_text("import no_such_thing\n")

    done = duly(command, target)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_an_address_that_others_can_reach_needs_a_token(duly):
    done = duly("serve", "--host", "0.0.0.0", "--port", "0")

    assert done.returncode == 2
    assert "DULY_TOKEN" in done.stderr


def test_a_port_in_use_is_said_in_one_sentence(duly, server):
    done = duly("serve", "--port", server.url.rsplit(":", 1)[1])

    assert done.returncode == 2
    assert "cannot be bound" in done.stderr


@pytest.mark.parametrize("command", ["serve", "worker", "worker --processes 1"])
def test_a_handler_submits_jobs_by_its_app(duly, command):
    (duly.folder / "chain.py").write_text(
        "from duly import Duly\n\napp = Duly()\n\n\n"
        "@app.handler('chain.first')\nasync def first(payload):\n"
        "    return str((await second.enqueue(payload)).id)\n\n\n"
        "@app.handler('chain.second')\nasync def second(payload):\n    return payload\n"
    )
    verb, *words = command.split()
    port = ["--port", "0"] if verb == "serve" else []
    process = duly.start(verb, "chain:app", *words, *port, "--json")
    read_line(process)

    first = duly.json("enqueue", "chain.first", "--payload", '"x"', "--wait")
    second = duly.json("jobs", "wait", first["result"])
    process.send_signal(signal.SIGTERM)

    assert second["result"] == "x"
    assert process.wait(60) == 0
    process.stdout.close()

"""Each example does what its page says, with a real server and a real worker."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from .programs import KEPT, CommandLine, running_server, until

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def duly(database_url, tmp_path):
    """The command line in a folder that holds the examples."""
    folder = tmp_path / "examples"
    shutil.copytree(EXAMPLES, folder)
    return CommandLine(folder, {"DATABASE_URL": database_url})


def test_every_example_is_described_and_every_description_has_its_example():
    described = set(
        re.findall(r"^\| `([^`]+)` \|", (EXAMPLES / "README.md").read_text(), re.MULTILINE)
    )

    assert described == {path.name for path in EXAMPLES.iterdir() if path.is_file()} - {"README.md"}


def test_functions_are_handlers_of_typed_payloads_that_may_fail_or_give_up(duly):
    with running_server(duly, "greetings:app"):
        greeted = duly.json("enqueue", "greet", "--arg", "name=Ada", "--wait")
        shy = duly.json("enqueue", "greet.shy", "--arg", "name=Ada", "--wait")
        given_up = duly("enqueue", "greet", "--arg", "name=A", "--arg", "language=xx", "--watch")
        misfit = duly("enqueue", "greet", "--arg", "nom=Ada", "--watch")

    assert greeted["result"] == {"text": "Hello Ada"}
    assert (shy["result"], shy["attempts"]) == ({"text": "hello Ada …"}, 2)
    assert "failed      nobody here speaks xx" in given_up.stdout
    assert "$.payload.name: is missing" in misfit.stdout


def test_an_object_of_a_class_is_a_handler(duly):
    with running_server(duly, "thumbnails:app"):
        words = ["enqueue", "thumbnail", "--arg", "image=cat.png", "--queue", "images", "--wait"]
        job = duly.json(*words)

    assert job["result"] == ["cat.png@64px", "cat.png@256px"]


def test_jobs_are_submitted_from_python(duly):
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}

    done = subprocess.run(
        [sys.executable, "submit.py", "Grace"],
        cwd=duly.folder,
        env={**kept, **duly.environment},
        capture_output=True,
        text=True,
        check=True,
    )

    now, later = (line.split()[0] for line in done.stdout.splitlines())
    assert duly.json("jobs", "show", now)["unique_key"] == "greet Grace"
    assert duly.json("jobs", "show", later)["payload"] == {"name": "Grace", "language": "fr"}


def test_jobs_are_submitted_in_sql_and_follow_the_transaction(duly, database_url):
    with running_server(duly, "greetings:app"):
        asyncio.run(execute(database_url, (duly.folder / "submit.sql").read_text()))

        (job,) = duly.json("jobs", "list", "--tag", "welcome")
        until(lambda: duly.json("jobs", "show", job["id"])["status"] == "done", "the job is done")

    assert job["payload"] == {"name": "Ada"}


async def execute(url, text):
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(text)
    finally:
        await connection.close()

"""`duly demo`: four jobs, a real server, a real mail server, no terminal."""

from __future__ import annotations

import json
import os
import re
import signal
from collections import defaultdict

from ..programs import CommandLine, read_line

ENDS = {
    ("enqueue", "claim", "complete"),
    ("enqueue", "claim", "fail", "promote", "claim", "fail", "promote", "claim", "complete"),
    ("enqueue", "promote", "claim", "complete"),
    ("enqueue", "claim", "discard"),
}


def test_the_demo_ends_with_0_when_its_four_jobs_ended_as_they_must(tmp_path):
    os.chmod(tmp_path, 0o711)

    done = CommandLine(tmp_path, {"DULY_DATA_DIR": str(tmp_path / "home")})("demo", "--json")

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    stories = defaultdict(list)
    for event in lines[:-1]:
        stories[event["job_id"]].append(event["change"])
    assert done.returncode == 0, done.stderr
    assert {tuple(story) for story in stories.values()} == ENDS
    assert lines[-1]["ok"] is True
    assert {mail["to"][0].split("@")[0]: mail["subject"] for mail in lines[-1]["mails"]} == {
        "ada": "Hello Ada",
        "alan": "Hello Alan, on time",
        "grace": "Hello Grace, at last",
    }


def test_the_demo_says_what_is_missing_when_there_is_no_mail_server(duly):
    blocked = duly.folder / "aiosmtpd.py"
    blocked.write_text("raise ImportError('not installed')\n")

    done = duly("demo", PYTHONPATH=f"{duly.folder}:{os.environ.get('PYTHONPATH', '')}")

    assert done.returncode == 1
    assert "pip install aiosmtpd" in done.stderr


def test_the_demo_tells_people_the_story_and_the_mail(duly):
    done = duly("demo")

    assert done.returncode == 0, done.stderr
    assert re.search(r"mail server, grace@\S+: 451 4.7.1 Greylisted", done.stdout)
    assert "failed      " in done.stdout
    assert "Hello Grace, at last" in done.stdout
    assert "All four jobs ended as expected." in done.stdout


def test_the_demo_can_be_interrupted_in_the_middle(duly):
    process = duly.start("demo", "--json")
    read_line(process)

    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 130
    process.stdout.close()
    assert (duly.folder / "stderr").read_text().count("Error") == 0

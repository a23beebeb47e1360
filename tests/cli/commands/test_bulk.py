"""`duly jobs cancel` and `duly jobs retry` by filters."""

from __future__ import annotations

import os
import pty
import subprocess
from uuid import uuid4

import pytest

from ..programs import DULY, PATIENCE


@pytest.fixture
def three(duly):
    """The type of three jobs that is theirs alone."""
    kind = f"kind-{uuid4().hex[:8]}"
    for _ in range(3):
        duly("enqueue", kind, "--in", "1h", "--tag", kind)
    return kind


def counts(duly, kind):
    found = duly.json("jobs", "list", "--type", kind)
    return sorted(job["status"] for job in found)


def answered(duly, typed, *words):
    """What a command prints on a terminal where somebody types an answer."""
    ours, theirs = pty.openpty()
    try:
        os.write(ours, typed.encode())
        done = subprocess.run(
            [*DULY, *words],
            cwd=duly.folder,
            env=duly._env({"TERM": "dumb"}),
            stdin=theirs,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(ours)
        os.close(theirs)
    return done


def test_jobs_are_cancelled_and_retried_by_filters(duly, three):
    dry = duly("jobs", "cancel", "--type", three, "--dry-run")
    before = counts(duly, three)
    cancelled = duly.json("jobs", "cancel", "--type", three, "--since", "1h", "--yes")
    retried = duly("jobs", "retry", "--status", "cancelled", "--tag", three, "--yes")

    assert dry.stdout == "cancel: 3 jobs match\n"
    assert cancelled == {"matched": 3, "changed": 3, "skipped": 0}
    assert retried.stdout == "retry: 3 of 3 jobs\n"
    assert before == counts(duly, three) == ["pending"] * 3


@pytest.mark.parametrize(("typed", "status"), [("y\n", "cancelled"), ("n\n", "pending")])
def test_somebody_at_a_terminal_is_asked_first(duly, three, typed, status):
    done = answered(duly, typed, "jobs", "cancel", "--type", three)

    assert "Cancel 3 jobs? [y/N]" in done.stderr
    assert done.returncode == 0
    assert counts(duly, three) == [status] * 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "say which jobs"),
        (["--dry-run"], "say which jobs"),
        (["--queue", "q", "0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10"], "say which jobs"),
        (["--queue", "q"], "add --yes or --dry-run"),
        (["--all"], "add --yes or --dry-run"),
        (["--status", "done", "--yes"], "only for jobs that are pending or processing"),
    ],
)
def test_what_is_not_clear_is_refused(duly, words, said):
    done = duly("jobs", "cancel", *words)

    assert done.returncode == 2
    assert said in done.stderr


def test_all_jobs_are_meant_only_when_it_is_said(duly, three):
    everything = duly.json("jobs", "cancel", "--all", "--dry-run")

    assert everything["matched"] >= 3
    assert counts(duly, three) == ["pending"] * 3

"""`duly jobs`: the list, one job, and acting on many."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest


@pytest.fixture
def three(duly):
    """Three jobs with a type that is theirs alone, oldest first."""
    kind = f"kind-{uuid4().hex[:8]}"
    made = [duly.json("enqueue", kind, "--in", "1h", "--tag", kind)["id"] for _ in range(3)]
    return kind, made


def test_the_list_is_what_the_http_api_answers(duly, server, three):
    kind, made = three

    found = duly.json("jobs", "list", "--type", kind)

    assert found == server.get(f"/jobs?job_type={kind}")
    assert [job["id"] for job in found] == made[::-1]


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["--status", "pending"], 3),
        (["--status", "done"], 0),
        (["--queue", "default"], 3),
        (["--queue", "other"], 0),
        (["--since", "1h"], 3),
        (["--since", "2031-01-01T00:00:00Z"], 0),
        (["--until", "1h"], 0),
        (["--limit", "2"], 2),
    ],
)
def test_a_filter_narrows_the_list(duly, three, words, count):
    kind, _ = three

    found = duly("jobs", "list", "-q", "--tag", kind, *words)

    assert len(found.stdout.split()) == count


def test_the_next_page_begins_before_the_last_id(duly, three):
    kind, made = three

    page = duly("jobs", "list", "--type", kind, "--limit", "2")
    rest = duly("jobs", "list", "-q", "--type", kind, "--before", made[1])

    assert f"--before {made[1]}" in page.stderr
    assert rest.stdout.split() == made[:1]


def test_the_table_has_a_line_for_each_job(duly, three):
    kind, made = three

    lines = duly("jobs", "list", "--type", kind).stdout.splitlines()

    assert lines[0].split() == ["ID", "TYPE", "QUEUE", "STATUS", "ATT", "WHEN", "ERROR"]
    assert [line.split()[0] for line in lines[1:]] == made[::-1]
    assert "pending  0/3  in 60 min" in lines[1] or "pending  0/3  in 1 h" in lines[1]


def test_a_job_and_its_attempts_are_what_the_http_api_answers(duly, server):
    job = duly("enqueue", "boom", "--max-attempts", "1", "--wait", "-q").stdout.strip()

    assert duly.json("jobs", "show", job) == server.get(f"/jobs/{job}")
    assert duly.json("jobs", "show", job, "--attempts") == server.get(f"/jobs/{job}/attempts")


def test_what_a_job_stored_cannot_move_the_cursor_of_whoever_looks(duly, server):
    job = duly("enqueue", "boom", "--max-attempts", "1", "--wait", "-q").stdout.strip()

    shown = duly("jobs", "show", job, FORCE_COLOR="1").stdout
    listed = duly("jobs", "list", "--type", "boom").stdout
    raw = duly("jobs", "show", job, "--json").stdout

    assert "ValueError: red boom" in shown
    assert "\x1b[31mred" not in shown
    assert "\x1b" not in listed + raw
    assert "\x1b[31mred" in json.loads(raw)["last_error"]


def test_cancel_answers_the_job_that_the_http_api_shows(duly, server, three):
    _, (job, *_) = three

    cancelled = duly.json("jobs", "cancel", job)

    assert cancelled["status"] == "cancelled"
    assert cancelled == server.get(f"/jobs/{job}")


def test_ids_are_read_from_stdin(duly, three):
    kind, made = three
    ids = duly("jobs", "list", "-q", "--type", kind).stdout

    done = duly("jobs", "cancel", "-", "--json", stdin=ids)

    assert {job["id"] for job in json.loads(done.stdout)} == set(made)
    assert "cancel: 3 of 3 jobs" in done.stderr


def test_one_job_that_refuses_does_not_keep_the_others_from_being_retried(duly, three):
    _, (first, second, third) = three
    duly.json("jobs", "cancel", first, third)

    done = duly("jobs", "retry", first, second, third, "--json")

    assert done.returncode == 4
    assert [job["id"] for job in json.loads(done.stdout)] == [first, third]
    assert f"Job {second} is pending" in done.stderr
    assert "retry: 2 of 3 jobs" in done.stderr


def test_nothing_is_drawn_where_there_is_no_terminal(duly, three):
    _, made = three

    done = duly("jobs", "cancel", *made)

    assert "\x1b" not in done.stdout + done.stderr
    assert "━" not in done.stderr


def test_without_color_means_without_color_even_where_it_is_forced(duly, three):
    kind, _ = three

    forced = duly("jobs", "list", "--type", kind, FORCE_COLOR="1")
    refused = duly("jobs", "list", "--type", kind, FORCE_COLOR="1", NO_COLOR="1")
    dumb = duly("jobs", "list", "--type", kind, FORCE_COLOR="1", TERM="dumb")

    assert "\x1b[36mpending" in forced.stdout
    assert "\x1b" not in refused.stdout + dumb.stdout

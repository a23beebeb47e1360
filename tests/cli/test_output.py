"""What people see of texts, times and events."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import click
import pytest

from duly.cli.output.moments import relative, span
from duly.cli.output.terminal import as_json, first_line, one_line, printable
from duly.cli.output.timeline import Timeline
from duly.events.event import Event
from duly.jobs.status import JobStatus

NOW = datetime(2031, 5, 1, 8, 0, tzinfo=UTC)
JOB = UUID("0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10")


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://evil\x1b\\link", "link"),
        ("\x1bPdevice\x1b\\text", "text"),
        ("\x1bctext", "text"),
        ("bell\x07", "bell\ufffd"),
        ("\u202egnp.exe", "\ufffdgnp.exe"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("Grüße, 世界", "Grüße, 世界"),
    ],
)
def test_a_stored_text_is_shown_without_what_a_terminal_would_obey(stored, shown):
    assert printable(stored) == shown


def test_json_for_a_terminal_means_the_same_and_holds_no_control_character():
    value = {"text": "\x9b31m \x1b \x7f \u202e ü"}

    text = as_json(value)

    assert json.loads(text) == value
    assert text.isprintable()


def test_a_long_text_is_cut_and_says_so():
    assert one_line("a  b\nc", 3) == "a …"
    assert first_line("ValueError: x\n  File y") == "ValueError: x"
    assert first_line(None) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-120, "2 min ago"), (-5, "5 s ago"), (0.3, "now"), (3, "in 3 s"), (172_800, "in 2 d")],
)
def test_a_moment_is_told_by_its_distance(seconds, text):
    assert relative(NOW + timedelta(seconds=seconds), NOW) == text


@pytest.mark.parametrize(("ms", "text"), [(27, "27 ms"), (1240, "1.2 s"), (180_000, "3 min")])
def test_a_span_is_told_in_its_own_unit(ms, text):
    assert span(ms) == text


def event(change, status, after=0.0, **more):
    at = NOW + timedelta(seconds=after)
    fields = {"attempt": 1, "position": "e.1", "job_id": JOB, "job_type": "x", "queue": "default"}
    return Event(**{**fields, "change": change, "status": JobStatus(status), "at": at, **more})


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (event("enqueue", "pending", attempt=0), "pending"),
        (
            event("enqueue", "pending", attempt=0, scheduled_at=NOW + timedelta(seconds=2)),
            "scheduled   due in 2.0 s",
        ),
        (event("promote", "pending"), "ready"),
        (event("claim", "processing", attempt=2), "processing  attempt 2"),
        (event("complete", "done", duration_ms=645), "done        in 645 ms"),
        (
            event(
                "fail", "pending", error="E: no\n trace", scheduled_at=NOW + timedelta(seconds=5)
            ),
            "retrying    E: no  next in 5.0 s",
        ),
        (event("fail", "failed", error="E: no"), "failed      E: no"),
        (event("cancel", "processing"), "processing  asked to stop"),
        (event("cancel", "cancelled"), "cancelled"),
        (event("rescue", "pending"), "pending     taken back from a worker that died"),
        (event("retry", "pending"), "pending     by hand"),
    ],
)
def test_an_event_is_told_in_words(happened, told):
    line = click.unstyle(Timeline().line(happened))

    assert line[2:].split("  ", 1)[1].rstrip() == told


def test_the_second_event_of_a_job_tells_how_long_after_the_first_it_came():
    timeline = Timeline()
    timeline.line(event("enqueue", "pending", attempt=0))

    line = click.unstyle(timeline.line(event("claim", "processing", after=0.027)))

    assert line.endswith("attempt 1  (+27 ms)")

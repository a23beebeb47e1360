"""What a handler reports: what is taken, what is refused, and how much is kept in memory."""

from __future__ import annotations

import threading
from decimal import Decimal
from fractions import Fraction
from uuid import uuid4

import pytest

from duly.handlers.context import Context
from duly.handlers.notebook import FULL, MOST_BYTES


def context(announced=None):
    ctx = Context(
        job_id=uuid4(), job_type="report", queue="default", attempt=1, max_attempts=3, lease=7
    )
    ctx.announce = None if announced is None else announced.append
    return ctx


def lines(ctx, most=10_000):
    return [(line.level, line.message) for line in ctx.notebook.lines(most)]


def test_a_handler_that_reports_nothing_has_no_notebook():
    assert context().notebook is None


def test_of_many_reports_the_newest_is_kept_and_announced_once():
    announced = []
    ctx = context(announced)

    for n in range(1_000):
        ctx.progress(n, 1_000, f"page {n}")

    assert ctx.notebook.newest[:3] == (999, 1_000, "page 999")
    assert announced == [ctx]


def test_what_is_reported_while_the_last_report_is_written_stays():
    ctx = context()
    ctx.progress(1)
    ctx.log("one")
    mark, first = ctx.notebook.newest, ctx.notebook.lines(10)

    ctx.progress(2)
    ctx.log("two")
    ctx.notebook.forget(mark, first)

    assert ctx.notebook.newest.done == 2
    assert lines(ctx) == [("info", "two")]


@pytest.mark.parametrize(
    ("done", "total"),
    [(0, None), (1, 0), (3, 2), (0.5, 1.0), (2**53, 2**53), (Decimal("1.5"), Fraction(5, 2))],
)
def test_numbers_of_every_kind_are_taken(done, total):
    ctx = context()

    ctx.progress(done, total)

    assert ctx.notebook.newest[:2] == (done, total)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("5",), TypeError, "done must be a number, not str"),
        ((None,), TypeError, "done must be a number, not NoneType"),
        ((True,), TypeError, "done must be a number, not bool"),
        ((1j,), TypeError, "done must be a number, not complex"),
        ((float("nan"),), ValueError, "done must be a number from 0 to"),
        ((float("inf"),), ValueError, "done must be a number from 0 to"),
        ((Decimal("NaN"),), ValueError, "done must be a number from 0 to"),
        ((Decimal("Infinity"),), ValueError, "done must be a number from 0 to"),
        ((-1,), ValueError, "done must be a number from 0 to"),
        ((10**400,), ValueError, "done must be a number from 0 to"),
        ((Fraction(10**400),), ValueError, "done must be a number from 0 to"),
        ((1, -1), ValueError, "total must be a number from 0 to"),
        ((1, float("nan")), ValueError, "total must be a number from 0 to"),
        ((1, "2"), TypeError, "total must be a number, not str"),
        ((1, 2, 3), TypeError, "note must be a text, not int"),
    ],
)
def test_what_is_no_progress_is_refused(arguments, error, words):
    ctx = context()

    with pytest.raises(error, match=words):
        ctx.progress(*arguments)

    assert ctx.notebook.is_empty


@pytest.mark.parametrize(
    ("message", "level", "error", "words"),
    [
        ("hello", "loud", ValueError, "level must be one of debug, info, warning, error"),
        ("hello", None, ValueError, "level must be one of"),
        ("hello", [], ValueError, "level must be one of"),
        (ValueError("x"), "info", TypeError, "message must be a text, not ValueError"),
        (b"hello", "info", TypeError, "message must be a text, not bytes"),
    ],
)
def test_what_is_no_line_is_refused(message, level, error, words):
    ctx = context()

    with pytest.raises(error, match=words):
        ctx.log(message, level=level)

    assert ctx.notebook.is_empty


def test_a_message_is_cut_and_made_storable():
    ctx = context()

    ctx.log("a\x00b\ud800c", level="error")
    ctx.log("é" * 2_000)
    ctx.log("é" * 2_001)

    assert lines(ctx)[0] == ("error", "a\ufffdb\ufffdc")
    assert lines(ctx)[1] == ("info", "é" * 2_000)
    assert lines(ctx)[2] == ("info", "é" * 1_999 + "…")


def test_a_long_note_is_cut_before_it_is_kept():
    ctx = context()

    ctx.progress(1, note="x" * 10**6)

    assert ctx.notebook.newest.note == "x" * 499 + "…"


def test_an_attempt_keeps_a_thousand_lines_and_one_that_says_so():
    ctx = context()

    for n in range(3_000):
        ctx.log(str(n))

    assert len(lines(ctx)) == 1_001
    assert lines(ctx)[999:] == [("info", "999"), ("warning", FULL)]


def test_an_attempt_keeps_a_quarter_of_a_mebibyte_of_lines_and_one_that_says_so():
    ctx = context()

    for _ in range(1_000):
        ctx.log("é" * 1_000)
        ctx.log("short")

    kept = lines(ctx)
    size = sum(len(message.encode()) for _, message in kept[:-1])
    assert kept[-1] == ("warning", FULL)
    assert MOST_BYTES - 2_000 < size <= MOST_BYTES
    assert ctx.notebook.lines(10_000)[-1].n == 1_001


def test_lines_of_many_threads_have_numbers_of_their_own_and_one_end():
    ctx = context()
    together = threading.Barrier(8, timeout=20)

    def report(name):
        together.wait()
        for n in range(500):
            ctx.log(f"{name} {n}")

    threads = [threading.Thread(target=report, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    kept = ctx.notebook.lines(10_000)
    assert [line.n for line in kept] == list(range(1, 1_002))
    assert [line.message for line in kept].count(FULL) == 1


def test_a_notebook_that_is_closed_takes_nothing_more():
    announced = []
    ctx = context(announced)
    ctx.open_notebook().close()

    ctx.progress(1)
    ctx.log("late")

    assert ctx.notebook.is_empty
    assert announced == []

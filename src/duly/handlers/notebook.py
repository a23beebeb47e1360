"""What a handler has reported of its attempt and nobody has written yet, in bounded memory.

Handlers write here from any thread, at any rate; the worker takes from here, at its own.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from itertools import islice
from numbers import Integral, Real
from typing import Any, NamedTuple

from ..jobs.text import clean_text

MOST_LINES = 1_000
MOST_BYTES = 256 * 1024
LONGEST_MESSAGE = 2_000
LONGEST_NOTE = 500
LARGEST = 2**53  # beyond it, what reads JSON may lose digits
WIDEST = 4  # bytes of one character in UTF-8
LEVELS = ("debug", "info", "warning", "error")
FULL = f"further lines are dropped: an attempt keeps {MOST_LINES} lines or {MOST_BYTES >> 10} KiB"


class Mark(NamedTuple):
    """How far a job was at a moment of `time.monotonic()`."""

    done: float
    total: float | None
    note: str | None
    at: float


class Line(NamedTuple):
    """One line of the log of an attempt, numbered from 1, at a moment of `time.monotonic()`."""

    n: int
    at: float
    level: str
    message: str


class Notebook:
    """Keeps the newest mark, and the lines of the log up to its bounds.

    `is_announced` is set by whoever has told the worker that there is something to be written.
    """

    __slots__ = ("_closed", "_lines", "_lock", "_n", "_room", "is_announced", "newest")

    def __init__(self) -> None:
        self.newest: Mark | None = None
        self.is_announced = False
        self._lines: deque[Line] = deque()
        self._lock = threading.Lock()
        self._n = 0
        self._room = MOST_BYTES
        self._closed = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to be written."""
        return self.newest is None and not self._lines

    def put_progress(self, done: Any, total: Any, note: Any) -> bool:
        """Keep this mark instead of the last; answers whether it is to be announced.

        Raises TypeError or ValueError for what is no progress.
        """
        if type(done) not in (int, float) or not 0 <= done <= LARGEST:
            done = _number("done", done)
        if total is not None and (type(total) not in (int, float) or not 0 <= total <= LARGEST):
            total = _number("total", total)
        if note is not None:
            note = _short(_text("note", note), LONGEST_NOTE)
        if self._closed:
            return False
        self.newest = Mark(done, total, note, time.monotonic())
        return not self.is_announced

    def put_line(self, message: Any, level: Any) -> bool:
        """Append a line to the log; answers whether it is to be announced.

        Raises TypeError or ValueError for what is no line.
        """
        if level not in LEVELS:
            raise ValueError(f"level must be one of {', '.join(LEVELS)}, not {level!r}")
        text = _text("message", message)
        if self._closed or self._n > MOST_LINES:
            return False
        text = stored(_short(text, LONGEST_MESSAGE), LONGEST_MESSAGE)
        with self._lock:
            self._append(text, level)
        return not self.is_announced

    def lines(self, most: int) -> list[Line]:
        """The oldest lines of the log, at most so many. They stay until they are forgotten."""
        with self._lock:
            return list(islice(self._lines, most))

    def forget(self, mark: Mark | None, lines: Sequence[Line]) -> None:
        """Drop what has been written."""
        if self.newest is mark:
            self.newest = None
        with self._lock:
            while lines and self._lines and self._lines[0].n <= lines[-1].n:
                self._lines.popleft()

    def close(self) -> None:
        """Ignore what is reported from now on: the attempt is over."""
        self._closed = True

    def discard(self) -> None:
        """Drop everything, and ignore what is reported from now on: the lease was lost."""
        self._closed = True
        self.newest = None
        with self._lock:
            self._lines.clear()

    def _append(self, text: str, level: str) -> None:
        if self._n > MOST_LINES:
            return
        self._n += 1
        self._room -= len(text.encode())
        if self._n > MOST_LINES or self._room < 0:
            self._n, text, level = max(self._n, MOST_LINES + 1), FULL, "warning"
        self._lines.append(Line(self._n, time.monotonic(), level, text))


def stored(text: str, longest: int) -> str:
    """`text` of at most `longest` characters, as PostgreSQL can store it."""
    return clean_text(text, longest=longest * WIDEST)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, not {type(value).__name__}: give str() of it")
    return value


def _number(name: str, value: object) -> float:
    """The plain number that `value` is: those of NumPy and the like count as well."""
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        raise TypeError(f"{name} must be a number, not {type(value).__name__}")
    try:
        number = int(value) if isinstance(value, Integral) else float(value)
    except OverflowError:
        number = math.inf
    if not 0 <= number <= LARGEST:
        raise ValueError(f"{name} must be a number from 0 to 2**53, not negative, larger, or NaN")
    return number

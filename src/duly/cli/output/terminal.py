"""What may reach a terminal, and how: no escape of a stored text, colour only where wanted."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, TextIO

import click
import msgspec

STATUS_COLORS = {
    "pending": "cyan",
    "processing": "blue",
    "done": "green",
    "failed": "red",
    "cancelled": "yellow",
}

_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC, DCS, …
    r"|\x1b[ -/]*[0-~]"
)
_INVISIBLE = "\u200e\u200f\u202a-\u202e\u2066-\u2069"
_CONTROLS = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}]")
_HIGH_CONTROLS = re.compile(f"[\x7f-\x9f{_INVISIBLE}]")


def printable(text: str) -> str:
    """`text` without terminal escapes and control characters; line ends and tabs stay."""
    return _CONTROLS.sub("\ufffd", _SEQUENCES.sub("", text))


def one_line(text: str, longest: int | None = None) -> str:
    """`text` for a cell or a sentence: printable, on one line, cut at `longest` characters."""
    flat = " ".join(printable(text).split())
    return flat if longest is None or len(flat) <= longest else flat[: max(1, longest - 1)] + "…"


def first_line(text: str | None, longest: int | None = None) -> str:
    """What an error says, without the trace that follows."""
    lines = printable(text or "").strip().splitlines()
    return one_line(lines[0], longest) if lines else ""


def as_json(value: Any) -> str:
    """`value` as the HTTP API writes it, safe for a terminal: its meaning is unchanged."""
    text = msgspec.json.encode(value).decode()
    return _HIGH_CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def print_json(value: Any) -> None:
    """One JSON document on a line of stdout, sent at once."""
    click.echo(as_json(value))


def say(text: str = "") -> None:
    """A message for people: stderr."""
    click.echo(text, err=True)


def colored(status: str) -> str:
    """A status in its colour, other text as it is; `echo` drops colour where none is wanted."""
    color = STATUS_COLORS.get(status)
    return click.style(status, fg=color) if color else status


def wants_color() -> bool | None:
    """Whether colour is asked for (True) or unwanted (False); None lets each stream decide."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def is_lively(stream: TextIO | None = None) -> bool:
    """Whether progress may be drawn on `stream`, by default stderr."""
    return (stream or sys.stderr).isatty() and os.environ.get("TERM") != "dumb"

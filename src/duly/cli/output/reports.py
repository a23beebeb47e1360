"""What handlers reported, for people: how far a job is, and the lines of its log."""

from __future__ import annotations

import click

from ...jobs.attempt import LogLine
from .moments import clock
from .terminal import one_line, printable

LONGEST_NOTE = 160
MARGIN = " " * 27
_COLORS = {"warning": "yellow", "error": "red"}


def how_far(done: float, total: float | None, note: str | None) -> str:
    """Progress in words: "40/100 (40 %)  resizing"."""
    text = f"{done:.12g}" if total is None else f"{done:.12g}/{total:.12g}"
    if total:
        text += f" ({100 * done / total:.0f} %)"
    return f"{text}  {one_line(note, LONGEST_NOTE)}" if note else text


def print_line(line: LogLine) -> None:
    """A line of a log: its attempt, when, how important, what."""
    first, *rest = printable(line.message).splitlines() or [""]
    level = click.style(f"{line.level:<7}", fg=_COLORS.get(line.level), dim=line.level == "debug")
    click.echo(f"{line.attempt:>2}  {clock(line.at)}  {level}  {first}".rstrip())
    for more in rest:
        click.echo(f"{MARGIN}{more}".rstrip())

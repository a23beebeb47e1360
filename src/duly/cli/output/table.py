"""Rows in columns, as wide as they need to be; on a terminal the last one is cut at its edge."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence

import click

from .terminal import colored, one_line

GAP = "  "


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print the rows on stdout. Cells are made printable here; statuses get their colour."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
    room = _room(widths)
    click.echo(_line(headings, widths))
    for row in cells:
        row[-1] = one_line(row[-1], room)
        click.echo(_line(row, widths))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        colored(cell) + " " * (width - len(cell))
        for cell, width in zip(cells[:-1], widths[:-1], strict=True)
    ]
    return GAP.join([*padded, cells[-1]]).rstrip()


def _room(widths: Sequence[int]) -> int | None:
    if not sys.stdout.isatty():
        return None
    taken = sum(widths[:-1]) + len(GAP) * (len(widths) - 1)
    return max(20, shutil.get_terminal_size().columns - taken)

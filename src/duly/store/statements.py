"""The SQL statements, one per file, with named parameters that are numbered at load."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its name (folder/verb), its text with $1, $2, …, and what they stand for."""

    name: str
    text: str
    parameters: tuple[str, ...]

    def arguments(self, values: dict[str, object]) -> list[object]:
        """The values in the order of the numbers; a missing or a superfluous one is a KeyError."""
        if len(values) != len(self.parameters):
            raise KeyError(f"{self.name} takes {self.parameters}, got {tuple(values)}")
        return [values[name] for name in self.parameters]


@cache
def statement(name: str) -> Statement:
    """The statement in `sql/<name>.sql`, for instance `jobs/claim`."""
    source = (files("duly.store") / "sql" / f"{name}.sql").read_text()
    numbers: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${numbers.setdefault(match[1], len(numbers) + 1)}"

    text = _PARAMETER.sub(number, _COMMENT.sub("", source))
    return Statement(name, f"/* {name} */ {text.strip()}", tuple(numbers))

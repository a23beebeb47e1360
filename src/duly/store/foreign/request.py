"""A statement of the store, spelled for any driver.

Every parameter goes as one text, arrays as their literal, and is cast where it is used: what a
driver or its user makes of other types does not matter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Literal, cast

from ..statements import statement

# $1, $2 as PostgreSQL has it (asyncpg); %s (psycopg, psycopg2, Django); :name (SQLAlchemy).
Style = Literal["numbered", "format", "named"]

_AS_JSON = "select row_to_json(answer)::text as answer from (\n{}\n) as answer"
_PARAMETER = re.compile(r"\$([0-9]+)::([a-z0-9_]+(?:\[\])?)")


@dataclass(frozen=True, slots=True)
class Spelling:
    """The text of a statement in one style; `names` says what stands at each of its places."""

    text: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One statement of the store with its values.

    With `as_json` each row comes back as one JSON text, because drivers differ in what they make of
    columns. PostgreSQL allows that only where the statement itself is a plain select.
    """

    name: str
    values: Mapping[str, object]
    as_json: bool = True

    def text(self, style: Style) -> str:
        """The statement, with the marks of this style."""
        text = _spelled(self.name, style).text
        return _AS_JSON.format(text) if self.as_json else text

    def arguments(self, style: Style) -> list[str]:
        """The values in the order of the marks."""
        return [_written(self.values[name]) for name in _spelled(self.name, style).names]

    def named_arguments(self) -> dict[str, str]:
        """The values by name."""
        return {name: _written(value) for name, value in self.values.items()}


@cache
def _spelled(name: str, style: Style) -> Spelling:
    known = statement(name)
    names: list[str] = []

    def mark(match: re.Match[str]) -> str:
        number, kind = int(match[1]), match[2]
        parameter = known.parameters[number - 1]
        if style == "format" or parameter not in names:
            names.append(parameter)
        mark = {"numbered": f"${number}", "format": "%s", "named": f":{parameter}"}[style]
        return f"cast(cast({mark} as text) as {kind})"

    text = known.text.replace("%", "%%") if style == "format" else known.text
    return Spelling(_PARAMETER.sub(mark, text), tuple(names))


def _written(value: object) -> str:
    """A value as PostgreSQL reads it; a list as the literal of an array: {"one","two",null}."""
    if isinstance(value, list | tuple):
        return "{" + ",".join(map(_element, cast("list[object]", value))) + "}"
    return _plain(value)


def _element(value: object) -> str:
    if value is None:
        return "null"
    return '"' + _plain(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _plain(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.astimezone(UTC).isoformat()
        case _:
            return str(value)

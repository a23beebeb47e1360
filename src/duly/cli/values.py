"""How words on the command line become values: moments, durations, JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class Duration(click.ParamType):
    """Seconds, from text such as 90s, 10m, 1h30m or 2d."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The seconds in `value`."""
        text = str(value).strip().lower()
        parts = _PART.findall(text)
        if not parts or "".join(number + unit for number, unit in parts) != text:
            self.fail(f"{value!r} is no duration: write it like 90s, 10m, 1h30m or 2d", param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)


class Moment(click.ParamType):
    """An aware datetime, from RFC 3339 text with an offset."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment that `value` names."""
        try:
            moment = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(f"{value!r} is no time: write it like 2031-05-01T08:00:00Z", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value!r} needs an offset at its end, such as Z or +02:00", param, ctx)
        return moment


class PastMoment(Moment):
    """A moment, or a duration before now."""

    name = "time or duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment that `value` names, or that lies `value` back."""
        if _PART.match(str(value).strip().lower()) and "T" not in str(value).upper():
            return datetime.now(UTC) - timedelta(seconds=Duration().convert(value, param, ctx))
        return super().convert(value, param, ctx)


class Pair(click.ParamType):
    """One member of an object: `k=text`, or `k:=JSON` for what is not text."""

    name = "k=v"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, Any]:
        """The key and its value."""
        key, equals, text = str(value).partition("=")
        if not equals or key in {"", ":"}:
            self.fail(f"{value!r} is not of the form key=text or key:=JSON", param, ctx)
        if not key.endswith(":"):
            return key, text
        try:
            return key[:-1], msgspec.json.decode(text)
        except (ValueError, RecursionError) as error:
            self.fail(f"{value!r}: what follows := is not JSON ({error})", param, ctx)


DURATION = Duration()
MOMENT = Moment()
PAST_MOMENT = PastMoment()
PAIR = Pair()

"""How words on the command line become values: moments, durations, pairs, names, ids."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import msgspec

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+\Z")
LONGEST = 3660 * 86_400.0


def duration(text: str) -> float:
    """The seconds in text such as 90s, 10m, 1h30m or 2d."""
    plain = text.strip().lower()
    if not _DURATION.match(plain):
        raise click.BadParameter(f"{text!r} is no duration: write it like 90s, 10m, 1h30m or 2d")
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(plain))
    if seconds > LONGEST:
        raise click.BadParameter(f"{text!r} is longer than ten years")
    return seconds


def moment(text: str) -> datetime:
    """The moment that RFC 3339 text with an offset names."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no time: write it like 2031-05-01T08:00:00Z"
        ) from None
    if found.tzinfo is None:
        raise click.BadParameter(f"{text!r} needs an offset at its end, such as Z or +02:00")
    return found


def past_moment(text: str) -> datetime:
    """A moment, given as such or as a duration before now."""
    if _DURATION.match(text.strip().lower()):
        return datetime.now(UTC) - timedelta(seconds=duration(text))
    return moment(text)


def pair(text: str) -> tuple[str, Any]:
    """A member of an object: `key=text`, or `key:=JSON` for what is not text."""
    key, equals, value = text.partition("=")
    if not equals or key in {"", ":"}:
        raise click.BadParameter(f"{text!r} is not of the form key=text or key:=JSON")
    if not key.endswith(":"):
        return key, value
    try:
        return key[:-1], msgspec.json.decode(value)
    except (ValueError, RecursionError) as error:
        reason = f"{text!r}: what follows := is not JSON ({error})"
        raise click.BadParameter(reason) from None


def names(text: str) -> list[str]:
    """The names in `a,b`, at least one."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise click.BadParameter("give at least one name, or several as a,b")
    return found


def job_ids(words: Iterable[str]) -> list[str]:
    """The ids as they were typed; `-` stands for those on stdin."""
    found: list[str] = []
    for word in words:
        found += sys.stdin.read().split() if word == "-" else [word]
    return found

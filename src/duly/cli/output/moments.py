"""Times for people: local, relative, short."""

from __future__ import annotations

from datetime import UTC, datetime

_STEPS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def clock(moment: datetime) -> str:
    """The local time of day, to the millisecond."""
    return moment.astimezone().isoformat(timespec="milliseconds")[11:23]


def full(moment: datetime | None) -> str:
    """The local date and time, to the second."""
    return "-" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def relative(moment: datetime | None, now: datetime | None = None) -> str:
    """How far from now: "2 min ago", "in 3 s"."""
    if moment is None:
        return "-"
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    if abs(seconds) < 1:
        return "now"
    return f"{_size(seconds)} ago" if seconds > 0 else f"in {_size(-seconds)}"


def span(milliseconds: float) -> str:
    """A length of time: "27 ms", "1.2 s", "3 min"."""
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    return f"{seconds:.1f} s" if seconds < 60 else _size(seconds)


def _size(seconds: float) -> str:
    step, unit = next(((step, unit) for step, unit in _STEPS if seconds >= step), (1, "s"))
    return f"{seconds / step:.0f} {unit}"

"""What a server or a worker says when it is ready."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from ...config import Settings
from .terminal import printable, say


def print_startup(
    settings: Settings, lines: Iterable[tuple[str, str]], hints: Iterable[str]
) -> None:
    """The facts, a line for each, then what to do next."""
    from ... import __version__

    say(f"duly {__version__}\n")
    for name, text in (*lines, ("Database", database_name(settings))):
        say(f"  {name:<10}{printable(text)}")
    say()
    for hint in hints:
        say(f"  {hint}")
    say()


def database_name(settings: Settings) -> str:
    """Which database is used, without its password."""
    if settings.database_url is None:
        return f"PostgreSQL, embedded, its data kept in {settings.data_dir}"
    try:
        address = urlsplit(settings.database_url.reveal())
        port = f":{address.port}" if address.port else ""
    except ValueError:
        return "the one of DATABASE_URL"
    user = f"{address.username}@" if address.username else ""
    return f"{address.scheme}://{user}{address.hostname or ''}{port}{address.path}"

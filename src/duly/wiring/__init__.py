"""Who is plugged into whom: the only folder that knows every part."""

from .engine import (
    Engine,
    built_in_handlers,
    built_in_registry,
    ignore_engine,
    open_connection,
    open_engine,
)
from .serving import run, serve, work

__all__ = [
    "Engine",
    "built_in_handlers",
    "built_in_registry",
    "ignore_engine",
    "open_connection",
    "open_engine",
    "run",
    "serve",
    "work",
]

"""`MODULE:app`: the user's module, imported from the working directory."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ..app import Duly
from .environment import read_dot_env

DEFAULT_ATTRIBUTE = "app"


def target(text: str) -> Duly:
    """The `Duly` that `MODULE:attribute` names; without an attribute it is called `app`."""
    module_name, _, attribute = text.partition(":")
    if module_name.endswith(".py") or "/" in module_name:
        meant = module_name.removesuffix(".py").strip("./").replace("/", ".")
        raise click.BadParameter(f"{text!r} is a path: give the module's name, {meant}:app")
    read_dot_env()
    found = _import(module_name)
    for part in (attribute or DEFAULT_ATTRIBUTE).split("."):
        if not hasattr(found, part):
            raise click.BadParameter(_without(module_name, found, part))
        found = getattr(found, part)
    if not isinstance(found, Duly):
        kind = type(found).__name__
        reason = f"{text!r} is of type {kind}; it must be a Duly: app = Duly()"
        raise click.BadParameter(reason)
    return found


def _import(module_name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(module_name)
    except Exception as error:  # it is the user's code: anything may happen
        if _is_missing(module_name, error):
            where = f"in {here} or among the installed ones"
            reason = f"there is no module {module_name!r} {where}"
        else:
            reason = f"importing {module_name!r} failed: {_what_happened(error)}"
        raise click.BadParameter(reason) from error


def _is_missing(module_name: str, error: Exception) -> bool:
    """Whether the module itself is not there, and not one that it imports."""
    parts = module_name.split(".")
    names = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    if isinstance(error, ModuleNotFoundError):
        return error.name in names
    return isinstance(error, (ValueError, TypeError)) and not all(parts)


def _what_happened(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


def _without(module_name: str, found: Any, part: str) -> str:
    members: dict[str, Any] = getattr(found, "__dict__", {})
    apps = [name for name, value in members.items() if isinstance(value, Duly)]
    meant = ", ".join(f"{module_name}:{name}" for name in apps)
    advice = f"did you mean {meant}?" if meant else "write there: app = Duly()"
    return f"module {module_name!r} has no {part!r}: {advice}"

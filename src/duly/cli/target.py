"""`MODULE:app`: the user's module, imported from the working directory."""

from __future__ import annotations

import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from ..app import Duly

DEFAULT_ATTRIBUTE = "app"


class Target(click.ParamType):
    """The `Duly` that `MODULE:attribute` names; without an attribute it is called `app`."""

    name = "MODULE:app"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Duly:
        """Import the module with the working directory first on the path."""
        if isinstance(value, Duly):
            return value
        module_name, _, attribute = str(value).partition(":")
        if module_name.endswith(".py") or "/" in module_name:
            meant = module_name.removesuffix(".py").strip("./").replace("/", ".")
            self.fail(f"{value!r} is a path: give the module's name, {meant}:app", param, ctx)
        found = self._import(module_name, param, ctx)
        for part in (attribute or DEFAULT_ATTRIBUTE).split("."):
            if not hasattr(found, part):
                self.fail(self._missing(module_name, found, part), param, ctx)
            found = getattr(found, part)
        if not isinstance(found, Duly):
            kind = type(found).__name__
            self.fail(f"{value!r} is of type {kind}; it must be a Duly: app = Duly()", param, ctx)
        return found

    def _import(
        self, module_name: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        here = str(Path.cwd())
        if here not in sys.path:
            sys.path.insert(0, here)
        try:
            return import_module(module_name)
        except Exception as error:  # noqa: BLE001 - it is the user's code, anything may happen
            missing = isinstance(error, ModuleNotFoundError) and (error.name or "") in _parents(
                module_name
            )
            if missing or isinstance(error, ValueError):
                reason = f"there is no module {module_name!r} in {here} or among the installed ones"
            else:
                reason = f"importing {module_name!r} failed: {_where(error)}"
            self.fail(reason, param, ctx)

    @staticmethod
    def _missing(module_name: str, found: Any, part: str) -> str:
        apps = [name for name, value in vars(found).items() if isinstance(value, Duly)]
        meant = ", ".join(f"{module_name}:{name}" for name in apps)
        advice = f"did you mean {meant}?" if meant else "write there: app = Duly()"
        return f"module {module_name!r} has no {part!r}: {advice}"


def _parents(module_name: str) -> set[str]:
    parts = module_name.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts) + 1)}


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"


TARGET = Target()

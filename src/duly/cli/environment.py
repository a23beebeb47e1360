"""From the surroundings of a command to what it works with: `.env`, settings, an open engine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import dotenv
import uvloop

from ..app import Duly
from ..config import Settings
from ..errors import SettingRefused
from .log import hide

DOT_ENV = Path(".env")

Result = TypeVar("Result")


def read_settings(app: Duly | None = None, **flags: Any) -> Settings:
    """The settings of this process: flags win over the environment, the environment over `.env`.

    An `app` has its settings already: from the environment, or from the program that made it. A
    flag that is None was not given.
    """
    read_dot_env()
    settings = app.settings if app else Settings.from_environment(os.environ)
    given = {name: value for name, value in flags.items() if value is not None}
    settings = replace(settings, **given)
    hide(settings.database_url, settings.token, settings.smtp_password)
    return settings


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, done on a loop of its own; Ctrl-C cancels it."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def read_dot_env() -> None:
    """Put what `.env` holds into the environment, where it is not there already.

    So a module with handlers sees it as well, when it is imported after this.
    """
    if not DOT_ENV.is_file():
        return
    try:
        dotenv.load_dotenv(DOT_ENV, override=False)
    except (OSError, ValueError) as error:
        reason = f"cannot be read ({error}): it must be a UTF-8 text file that you may read"
        raise SettingRefused(variable=str(DOT_ENV), reason=reason) from None

"""A command of ours: the options that each has, and examples at the end of its help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import click

from .log import LEVELS, set_up_logging


@dataclass
class Options:
    """What every command may be told, whatever it does."""

    json: bool = False
    debug: bool = False
    log_level: str | None = None
    log_json: bool = False


pass_options = click.make_pass_decorator(Options)


class Examples:
    """Gives a command examples, written as they are typed; its help ends with them."""

    examples: tuple[str, ...] = ()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples where click writes the end of the help."""
        del ctx
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"  {example}\n")


class Command(Examples, click.Command):
    """A command that takes the options of `Options`, and logs to stderr from `log_level` up."""

    def __init__(
        self,
        name: str | None,
        *,
        examples: Sequence[str],
        log_level: str = "warning",
        **attributes: Any,
    ) -> None:
        super().__init__(name, **attributes)
        self.examples = tuple(examples)
        self.log_level = log_level
        self.params += _shared_options()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command with its logging set up."""
        options = ctx.ensure_object(Options)
        set_up_logging(options.log_level or self.log_level, as_json=options.log_json)
        return super().invoke(ctx)


class Group(Examples, click.Group):
    """Commands under one word."""

    command_class = Command

    def __init__(self, name: str | None, *, examples: Sequence[str], **attributes: Any) -> None:
        super().__init__(name, **attributes)
        self.examples = tuple(examples)


def _shared_options() -> list[click.Parameter]:
    flags: dict[str, Any] = {"is_flag": True, "expose_value": False, "callback": _keep}
    return [
        click.Option(["--json"], help="Print JSON, the same as the HTTP API's.", **flags),
        click.Option(["--debug"], help="Show where in the code an error happened.", **flags),
        click.Option(
            ["--log-level"],
            type=click.Choice(LEVELS),
            expose_value=False,
            callback=_keep,
            help="Least level of the log lines on stderr.",
        ),
        click.Option(["--log-json"], help="Log in JSON, one object per line.", **flags),
    ]


def _keep(ctx: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value and parameter.name:
        setattr(ctx.ensure_object(Options), parameter.name, value)

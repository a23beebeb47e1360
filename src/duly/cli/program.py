"""The outermost command: imports the others when asked for them, turns errors into exit codes."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from ..errors import DulyError
from .command import Group, Options
from .output.terminal import printable, say, wants_color

FAILED = 1
INTERRUPTED = 130


class Program(Group):
    """Knows each command as a place (`module:attribute` below this package) and a line of help."""

    def __init__(
        self,
        name: str,
        *,
        places: Mapping[str, tuple[str, str]],
        examples: Sequence[str],
        **rest: Any,
    ) -> None:
        super().__init__(name, examples=examples, **rest)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of the help."""
        del ctx
        return list(self.places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; a word that nobody knows is none."""
        del ctx
        if cmd_name not in self.places:
            return None
        module, _, attribute = self.places[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module, __package__), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in self.places.items()])

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """A context that carries the shared options and the decision about colour."""
        extra.setdefault("obj", Options())
        extra.setdefault("color", wants_color())
        return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; whatever it raises becomes one sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except KeyboardInterrupt:
            say()
            raise click.exceptions.Exit(INTERRUPTED) from None
        except Exception as error:  # noqa: BLE001 - the last stop: everything becomes a sentence
            raise click.exceptions.Exit(_report(error, ctx.ensure_object(Options))) from None


def _report(error: Exception, options: Options) -> int:
    if options.debug:
        traceback.print_exception(error)
    say("Error: " + printable(_sentence(error)))
    return error.exit_code if isinstance(error, DulyError) else FAILED


def _sentence(error: Exception) -> str:
    if isinstance(error, DulyError):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}. Run it again with --debug to see where."
    return (
        f"{type(error).__name__}: {error}. This is a mistake in duly or in a handler: run it again"
        " with --debug to see where."
    )

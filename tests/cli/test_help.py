"""What `--help` promises, and what it costs to ask."""

from __future__ import annotations

import shlex
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from duly import __version__
from duly.cli.main import PLACES, cli

HEAVY = ("rich", "starlette", "uvicorn", "asyncpg", "aiohttp", "aiosmtplib", "uvloop")


def commands(group=cli, words=()):
    """Every command and group, with the words that lead to it."""
    yield words, group
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


ALL = {" ".join(words) or "duly": words for words, _ in commands()}


@pytest.mark.parametrize("words", ALL.values(), ids=ALL.keys())
def test_the_help_of_a_command_ends_with_two_examples(words):
    answer = CliRunner().invoke(cli, [*words, "--help"])

    head, _, examples = answer.output.partition("Examples:\n")

    lines = examples.strip().splitlines()
    assert answer.exit_code == 0
    assert "Usage: duly" in head
    assert len(lines) >= 2
    assert all("duly" in line for line in lines)


@pytest.mark.parametrize("words", ALL.values(), ids=ALL.keys())
def test_the_examples_of_a_command_are_accepted_by_its_parser(words):
    command = dict(commands())[words]

    for example in command.examples:
        for part in example.split("|"):
            typed = shlex.split(part.split(" <")[0].split(" >")[0].replace('"$DATABASE_URL"', ""))
            if "duly" in typed:
                parse(typed[typed.index("duly") + 1 :])


def parse(words):
    """Parse as far as click does; modules that an example names are not there."""
    ctx, command = click.Context(cli, info_name="duly"), cli
    while isinstance(command, click.Group):
        name, *words = words
        command = command.get_command(ctx, name)
        assert command is not None, name
    kept = [word for word in words if word != "tasks:app"]
    with command.make_context(command.name, kept, parent=ctx):
        pass


@pytest.mark.parametrize("name", PLACES)
def test_the_list_of_commands_says_what_the_command_says_of_itself(name):
    command = cli.get_command(click.Context(cli), name)

    assert command.get_short_help_str(limit=200) == PLACES[name][1]


@pytest.mark.parametrize("name", [words for words, command in commands() if words])
def test_every_command_can_print_json(name):
    command = dict(commands())[name]

    if not isinstance(command, click.Group):
        assert "--json" in {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("words", [["version"], ["--help"], ["version", "--help"]])
def test_asking_for_the_version_or_for_help_imports_nothing_heavy(words):
    program = (
        "import sys; from duly.cli.main import cli; cli.main(sys.argv[1:], standalone_mode=False);"
        f" print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=True
    )

    assert done.stderr.strip() == "[]"


def test_the_version_is_that_of_the_package():
    answer = CliRunner().invoke(cli, ["version"])

    assert answer.output == f"duly {__version__}\n"

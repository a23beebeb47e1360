"""`duly`: every command, where it lives, and what it is for in one line."""

from __future__ import annotations

import click

from .command import Command, Options, pass_options
from .output.terminal import print_json
from .program import Program

PLACES = {
    "serve": (".commands.serve:serve", "Run everything: the HTTP API, a worker, maintenance."),
    "worker": (".commands.worker:worker", "Run a worker only."),
    "enqueue": (".commands.enqueue:enqueue", "Submit a job."),
    "jobs": (".commands.jobs:jobs", "List, show, retry and cancel jobs."),
    "events": (".commands.events:events", "Print what happens to jobs."),
    "db": (".commands.db:db", "Look after the database schema."),
    "demo": (".demo.command:demo", "See four jobs live, with a real mail server."),
    "version": (".main:version", "Print the version."),
}


@click.command(
    cls=Command, examples=["duly version", "duly version --json"], short_help=PLACES["version"][1]
)
@pass_options
def version(options: Options) -> None:
    """Print the version."""
    from .. import __version__

    if options.json:
        print_json({"version": __version__})
    else:
        click.echo(f"duly {__version__}")


cli = Program(
    "duly",
    places=PLACES,
    help="Background jobs on the PostgreSQL you already have.\n\nSettings come from the environment"
    " and from a .env file in the working directory; flags win over both. Without DATABASE_URL an"
    " embedded PostgreSQL is used.",
    examples=[
        "duly serve",
        "duly enqueue email --arg to=ada@example.org --watch",
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main() -> None:
    """Run the command line of this process."""
    cli.main(prog_name="duly")

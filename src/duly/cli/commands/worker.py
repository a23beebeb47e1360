"""`duly worker`: claims jobs and does them, without an HTTP API."""

from __future__ import annotations

import click

from ...app import Duly
from ...wiring import built_in_registry, work
from ..command import Command, Options, pass_options
from ..environment import read_settings, run
from ..output.startup import database_name, print_startup
from ..output.terminal import print_json
from ..target import target
from ..values import names
from .serve import STOP, worker_text


@click.command(
    cls=Command,
    short_help="Run a worker only.",
    log_level="info",
    examples=["duly worker tasks:app", "duly worker tasks:app --slots 50 --queues mail,reports"],
)
@click.argument("app", metavar="[MODULE:app]", type=target, required=False)
@click.option("--slots", type=click.IntRange(1, 10_000), help="How many jobs run at once.")
@click.option("--queues", type=names, help="Only jobs of these queues, by default of all.")
@pass_options
def worker(
    options: Options, app: Duly | None, *, slots: int | None, queues: list[str] | None
) -> None:
    """Run a worker until Ctrl-C.

    The job types are those of the Duly in MODULE; without it, the built-in ones. The first Ctrl-C
    lets running jobs finish, the second stops at once.
    """
    settings = read_settings(app, slots=slots)
    registry = app.registry if app else built_in_registry(settings)

    def announce() -> None:
        if options.json:
            print_json(
                {
                    "database": database_name(settings),
                    "slots": settings.slots,
                    "queues": queues,
                    "job_types": list(registry),
                }
            )
        print_startup(settings, [("Worker", worker_text(settings, registry, queues))], [STOP])

    raise click.exceptions.Exit(run(work(settings, registry, queues=queues, ready=announce)))

"""`duly worker`: claims jobs and does them, without an HTTP API."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import click

from ...app import Duly
from ...config import Settings
from ...supervisor.link import Link
from ...supervisor.messages import Ready
from ...wiring import built_in_registry, ignore_engine, work
from ..command import Command, Options, pass_options
from ..environment import read_settings, run
from ..output.startup import database_name, print_startup
from ..output.terminal import print_json
from ..target import target
from ..values import names
from .serve import STOP, worker_text

METAVAR = "[MODULE:app]"


@click.command(
    cls=Command,
    short_help="Run a worker only.",
    log_level="info",
    examples=[
        "duly worker tasks:app",
        "duly worker tasks:app --slots 50 --queues mail,reports",
        "duly worker tasks:app --processes 4",
        "duly worker tasks:app --reload",
    ],
)
@click.argument("app", metavar=METAVAR, required=False)
@click.option("--slots", type=click.IntRange(1, 10_000), help="How many jobs one worker runs.")
@click.option("--queues", type=names, help="Only jobs of these queues, by default of all.")
@click.option(
    "--processes", type=click.IntRange(1, 256), help="Worker processes, under a supervisor."
)
@click.option("--reload", is_flag=True, help="Replace the processes when Python files change.")
@click.option("--link", type=int, hidden=True)
@pass_options
def worker(
    options: Options,
    app: str | None,
    *,
    slots: int | None,
    queues: list[str] | None,
    processes: int | None,
    reload: bool,
    link: int | None,
) -> None:
    """Run a worker until Ctrl-C, or several in processes of their own.

    The job types are those of the Duly in MODULE; without it, the built-in ones. The first Ctrl-C
    lets running jobs finish, the second stops at once.

    With --processes, or with one of --reload, DULY_MAX_JOBS_PER_PROCESS and DULY_MEMORY_LIMIT, a
    supervisor keeps the worker processes alive and says so to the database for them. SIGHUP to it
    replaces them, one after another.
    """
    if link is None:
        settings = read_settings(slots=slots, processes=processes)
        limits = (settings.processes, settings.max_jobs_per_process, settings.memory_limit)
        if reload or any(limits):
            command = _command(options, app, slots, queues)
            code = _supervise(settings, command, options, queues, reload=reload)
            raise click.exceptions.Exit(code)
    raise click.exceptions.Exit(_work(options, app, slots, queues, link))


def _work(
    options: Options,
    app: str | None,
    slots: int | None,
    queues: list[str] | None,
    link: int | None,
) -> int:
    found = None if app is None else _find(app)
    settings = read_settings(found, slots=slots)
    registry = found.registry if found else built_in_registry(settings)

    def announce() -> None:
        if link is None:
            _announce(settings, options, queues, list(registry))

    line = None if link is None else Link(link, settings)
    opened = found.adopt if found else ignore_engine
    return run(work(settings, registry, queues=queues, opened=opened, ready=announce, link=line))


def _supervise(
    settings: Settings,
    command: list[str],
    options: Options,
    queues: list[str] | None,
    *,
    reload: bool,
) -> int:
    from ...wiring.supervising import supervise

    def announce(ready: Ready) -> None:
        heard = replace(settings, slots=ready.slots, processes=settings.processes or 1)
        _announce(heard, options, queues, ready.job_types)

    watched = Path.cwd() if reload else None
    return run(supervise(settings, command, watched=watched, ready=announce))


def _command(
    options: Options, app: str | None, slots: int | None, queues: list[str] | None
) -> list[str]:
    """What each worker process is started with."""
    command = [sys.executable, "-m", "duly", "worker"]
    command += [] if app is None else [app]
    command += [] if slots is None else ["--slots", str(slots)]
    command += [] if queues is None else ["--queues", ",".join(queues)]
    command += [] if options.log_level is None else ["--log-level", options.log_level]
    command += ["--log-json"] if options.log_json else []
    return command + (["--debug"] if options.debug else [])


def _find(app: str) -> Duly:
    try:
        return target(app)
    except click.BadParameter as refusal:
        refusal.ctx, refusal.param_hint = click.get_current_context(), f"'{METAVAR}'"
        raise


def _announce(
    settings: Settings, options: Options, queues: list[str] | None, job_types: list[str]
) -> None:
    if options.json:
        print_json(
            {
                "database": database_name(settings),
                "processes": settings.processes,
                "slots": settings.slots,
                "queues": queues,
                "job_types": job_types,
            }
        )
    text = worker_text(settings, job_types, queues)
    if settings.processes is not None:
        text = f"{settings.processes} processes, each with {text}"
    print_startup(settings, [("Worker", text)], [STOP])

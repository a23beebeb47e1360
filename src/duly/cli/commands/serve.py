"""`duly serve`: the HTTP API, a worker and the housekeeping in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import click

from ...app import Duly
from ...config import Settings
from ...handlers.registry import HandlerRegistry
from ...wiring import built_in_registry, ignore_engine
from ...wiring import serve as run_server
from ..command import Command, Options, pass_options
from ..environment import read_settings, run
from ..output.startup import database_name, print_startup
from ..output.terminal import print_json
from ..target import target
from ..values import names

TRY = "Try:  duly enqueue email --arg to=ada@example.org --watch"
STOP = "Stop: Ctrl-C"


@click.command(
    cls=Command,
    short_help="Run everything: the HTTP API, a worker, maintenance.",
    log_level="info",
    examples=["duly serve", "duly serve tasks:app --port 8080 --slots 50 --queue mail,reports"],
)
@click.argument("app", metavar="[MODULE:app]", type=target, required=False)
@click.option("--host", help="The address to bind [default: HOST, or 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="The port [default: PORT, or 3000].")
@click.option("--slots", type=click.IntRange(1, 10_000), help="How many jobs run at once.")
@click.option("--no-worker", is_flag=True, help="Serve only; jobs are done by `duly worker`.")
@click.option("--queue", "queues", type=names, multiple=True, help="Only jobs of these queues.")
@click.option("--insecure", is_flag=True, help="Allow an address other than loopback, no token.")
@pass_options
def serve(
    options: Options,
    app: Duly | None,
    *,
    host: str | None,
    port: int | None,
    slots: int | None,
    no_worker: bool,
    queues: tuple[list[str], ...],
    insecure: bool,
) -> None:
    """Run the HTTP API, a worker and maintenance until Ctrl-C.

    The job types are those of the Duly in MODULE; without it, the built-in ones. The first Ctrl-C
    lets running jobs finish, the second stops at once.
    """
    settings = read_settings(app, host=host, port=port, slots=slots, insecure=insecure or None)
    registry = app.registry if app else built_in_registry(settings)
    chosen = [name for several in queues for name in several] or None
    raise click.exceptions.Exit(
        run(
            run_server(
                settings,
                registry,
                with_worker=not no_worker,
                queues=chosen,
                opened=app.adopt if app else ignore_engine,
                ready=_announcer(settings, registry, options, chosen, has_worker=not no_worker),
            )
        )
    )


def _announcer(
    settings: Settings,
    registry: HandlerRegistry,
    options: Options,
    queues: Sequence[str] | None,
    *,
    has_worker: bool,
) -> Callable[[str], None]:
    def announce(url: str) -> None:
        if options.json:
            print_json(
                {
                    "url": url,
                    "database": database_name(settings),
                    "slots": settings.slots if has_worker else 0,
                    "queues": queues,
                    "job_types": list(registry),
                }
            )
        worker = worker_text(settings, registry, queues) if has_worker else "none (--no-worker)"
        lines = [("API", f"{url}        reference: {url}/docs"), ("Worker", worker)]
        print_startup(settings, lines, [TRY, STOP])

    return announce


def worker_text(settings: Settings, registry: Iterable[str], queues: Sequence[str] | None) -> str:
    """What a worker does, in a few words."""
    where = f"queues {', '.join(queues)}" if queues else "all queues"
    return f"{settings.slots} slots, {where}, job types {', '.join(registry) or 'none'}"

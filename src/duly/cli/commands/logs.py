"""`duly jobs logs`: what the handlers of a job have said, and what they say from now on."""

from __future__ import annotations

from uuid import UUID

import click

from ...client import Client
from ...config import Settings
from ...events.event import EventFilters
from ...jobs.attempt import LogLine
from ...jobs.ids import parse_job_id
from ...wiring import Engine, open_engine
from ..command import Command, Options, pass_options
from ..environment import read_settings, run
from ..output.reports import print_line
from ..output.terminal import print_json

PAGE = 1_000
LOOK_SECONDS = 1.0


@click.command(
    cls=Command,
    short_help="Print what the handlers of a job have said.",
    examples=[
        "duly jobs logs -f 0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10",
        "duly jobs logs --attempt 2 --json 0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10",
    ],
)
@click.argument("job_id", metavar="ID")
@click.option("-f", "--follow", is_flag=True, help="Go on until the job has ended.")
@click.option("--attempt", type=click.IntRange(1, 32_767), help="Only what this attempt said.")
@pass_options
def logs(options: Options, job_id: str, *, follow: bool, attempt: int | None) -> None:
    """Print what the handlers of a job have said, oldest first, one line each.

    A line is: the attempt, when, the level, the message. With --json, one object per line.
    """
    printer = Printer(parse_job_id(job_id), attempt, as_json=options.json)
    run(_print(read_settings(), printer, follow=follow))


class Printer:
    """Prints the lines of one job, each once."""

    def __init__(self, job_id: UUID, attempt: int | None, *, as_json: bool) -> None:
        self.job_id = job_id
        self._attempt = attempt
        self._as_json = as_json
        self._position: str | None = None

    async def print_new(self, client: Client) -> None:
        """Print what was said since the last time."""
        while True:
            lines = await client.logs(
                self.job_id, limit=PAGE, after=self._position, attempt=self._attempt
            )
            for line in lines:
                self._print(line)
            if len(lines) < PAGE:
                return

    def _print(self, line: LogLine) -> None:
        self._position = line.position
        if self._as_json:
            print_json(line)
        else:
            print_line(line)


async def _print(settings: Settings, printer: Printer, *, follow: bool) -> None:
    async with open_engine(settings, feed=follow) as engine:
        if follow:
            await _follow(engine, printer)
        else:
            await printer.print_new(engine.client)


async def _follow(engine: Engine, printer: Printer) -> None:
    """The stream says when there is something new; the lines are read where they are kept.

    So no line is missed and none is printed twice, whatever happens to the stream. A job that had
    ended before its lines were read has no more of them.
    """
    filters = EventFilters(job_id=printer.job_id, log=True)
    async with engine.feed.follow(filters) as subscription:
        while True:
            job = await engine.client.get(printer.job_id)
            await printer.print_new(engine.client)
            if job.status.is_final:
                return
            event = await subscription.next(LOOK_SECONDS)
            while event is not None:
                event = await subscription.next(0)

"""`duly jobs wait`: until jobs have ended; each is told as it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import click

from ...config import Settings
from ...errors import NotFound
from ...following.endings import Endings
from ...jobs.ids import parse_job_id
from ...jobs.job import Job
from ...jobs.status import JobStatus
from ...wiring import open_engine
from ..command import Command, Options, pass_options
from ..environment import read_settings, run
from ..output.terminal import colored, first_line, print_json, printable, say
from ..values import duration, job_ids

DONE, FAILED, NOT_FOUND, TIMED_OUT = 0, 1, 3, 124
WORST_FIRST = (TIMED_OUT, NOT_FOUND, FAILED)


@click.command(
    cls=Command,
    short_help="Wait until jobs have ended.",
    examples=[
        "duly jobs wait --timeout 10m 0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10",
        "duly jobs list -q --status processing | duly jobs wait -",
    ],
)
@click.argument("words", metavar="ID...", nargs=-1, required=True)
@click.option("--timeout", type=duration, help="Wait no longer than this, then exit 124.")
@click.option("-q", "--quiet", is_flag=True, help="Print ids only, one per line.")
@pass_options
def wait(options: Options, words: tuple[str, ...], *, timeout: float | None, quiet: bool) -> None:
    """Wait until jobs have ended, and print each as it ends.

    Several ids may be given, or - to read them from stdin. With --json, each job is an object on a
    line. Exits 0 when all are done, 1 when one failed or was cancelled.
    """
    waiting = Waiting(as_json=options.json, quiet=quiet)
    run(waiting.wait(read_settings(), dict.fromkeys(job_ids(words)), timeout))
    raise click.exceptions.Exit(waiting.exit_code)


class Waiting:
    """Prints jobs as they end, and keeps what the exit code depends on."""

    def __init__(self, *, as_json: bool, quiet: bool) -> None:
        self._as_json = as_json
        self._quiet = quiet
        self._codes: list[int] = []

    @property
    def exit_code(self) -> int:
        """0 when all jobs are done; otherwise that of what is worst."""
        return next((code for code in WORST_FIRST if code in self._codes), DONE)

    async def wait(self, settings: Settings, ids: Iterable[str], timeout: float | None) -> None:
        """Wait for all of them at once."""
        async with open_engine(settings) as engine:
            await asyncio.gather(*(self._wait_for(one, engine.endings, timeout) for one in ids))
        if late := self._codes.count(TIMED_OUT):
            say(f"{late} of {len(self._codes)} jobs have not ended in time. They go on.")

    async def _wait_for(self, job_id: str, endings: Endings, timeout: float | None) -> None:
        try:
            job = await endings.wait(parse_job_id(job_id), timeout)
        except NotFound as error:
            say(printable(str(error)))
            self._codes.append(NOT_FOUND)
        except TimeoutError:
            self._codes.append(TIMED_OUT)
        else:
            self._print(job)
            self._codes.append(DONE if job.status is JobStatus.DONE else FAILED)

    def _print(self, job: Job) -> None:
        if self._as_json:
            print_json(job)
        elif self._quiet:
            click.echo(job.id)
        else:
            error = f"  {first_line(job.last_error)}" if job.last_error else ""
            status = colored(job.status.value)
            click.echo(f"{job.id}  {job.job_type}  {status}  attempts {job.attempts}{error}")

"""Many jobs by a filter: `duly jobs cancel` and `duly jobs retry` without ids."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import click

from ...bulk import BulkAnswer
from ...config import Settings
from ...jobs.filters import JobFilters
from ...jobs.status import JobStatus
from ...wiring import open_engine
from ..output.terminal import is_lively, print_json, say, wants_color
from ..values import past_moment

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def filter_options(command: Decorated) -> Decorated:
    """The options that say which jobs are meant, and whether that is certain."""
    statuses = click.Choice([status.value for status in JobStatus])
    for option in (
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.option("--dry-run", is_flag=True, help="Only say how many match."),
        click.option("--all", "everything", is_flag=True, help="No filter is needed."),
        click.option("--until", type=past_moment, help="Made before this time, or so long ago."),
        click.option("--since", type=past_moment, help="Made at or after this, or so long ago."),
        click.option("--tag", help="Jobs with this tag."),
        click.option("--queue", help="Jobs in this queue."),
        click.option("--type", "job_type", metavar="JOB_TYPE", help="Jobs of this type."),
        click.option("--status", type=statuses, help="Jobs with this status."),
    ):
        command = option(command)
    return command


def filters_from(
    *,
    status: str | None,
    job_type: str | None,
    queue: str | None,
    tag: str | None,
    since: datetime | None,
    until: datetime | None,
    everything: bool,
) -> JobFilters | None:
    """What the options say; None when they do not say which jobs are meant."""
    filters = JobFilters(
        status=JobStatus(status) if status else None,
        job_type=job_type,
        queue=queue,
        tag=tag,
        created_after=since,
        created_before=until,
    )
    return filters if everything or filters != JobFilters() else None


async def act_on_many(
    settings: Settings, verb: str, filters: JobFilters, *, dry_run: bool, yes: bool
) -> BulkAnswer:
    """Decide on the set, ask whether it is meant where somebody can answer, and act on it."""
    if not (dry_run or yes or sys.stdin.isatty()):
        raise click.UsageError("nobody can be asked whether this is meant: add --yes or --dry-run")

    def agreed(matched: int) -> bool:
        if yes:
            return True
        return click.confirm(f"{verb.capitalize()} {_jobs(matched)}?", err=True)

    async with open_engine(settings) as engine:
        act = engine.client.cancel_many if verb == "cancel" else engine.client.retry_many
        with _bar(verb) as on_progress:
            return await act(filters, dry_run=dry_run, agreed=agreed, on_progress=on_progress)


def print_answer(verb: str, answer: BulkAnswer, *, dry_run: bool, as_json: bool) -> None:
    """What was done: as the HTTP API says it, or in a sentence."""
    if as_json:
        print_json(answer)
    elif dry_run:
        click.echo(f"{verb}: {_jobs(answer.matched)} match")
    else:
        click.echo(f"{verb}: {answer.changed:,} of {_jobs(answer.matched)}")
        if answer.skipped:
            say(f"{answer.skipped:,} were skipped: they had moved on, or their unique key is taken")


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count:,} jobs"


@contextmanager
def _bar(verb: str) -> Generator[Callable[[int, int], None]]:
    """Draws how far it is, on a terminal, from the first batch on."""
    if not is_lively():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True, no_color=wants_color() is False)
    progress = Progress(console=console, transient=True)
    task = progress.add_task(verb, total=None)

    def on_progress(done: int, total: int) -> None:
        progress.start()
        progress.update(task, completed=done, total=total)

    try:
        yield on_progress
    finally:
        progress.stop()

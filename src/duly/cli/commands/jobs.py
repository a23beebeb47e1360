"""`duly jobs`: list, show, retry, cancel; and the commands on jobs that have files of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import click

from ...client import Client
from ...config import Settings
from ...errors import Conflict, DulyError, NotFound
from ...jobs.attempt import Attempt
from ...jobs.filters import JobFilters
from ...jobs.ids import parse_job_id
from ...jobs.job import Job
from ...jobs.status import JobStatus
from ...wiring import open_engine
from ..command import Group, Options, pass_options
from ..environment import read_settings, run
from ..output.jobs import print_job, print_jobs
from ..output.progress import with_progress
from ..output.terminal import print_json, printable, say
from ..values import job_ids, past_moment
from .bulk import act_on_many, filter_options, filters_from, print_answer
from .logs import logs
from .wait import wait

MOST = 1000

Act = Callable[[Client, UUID], Awaitable[Job]]


@click.group(
    cls=Group,
    short_help="List, show, retry and cancel jobs.",
    examples=[
        "duly jobs list --status failed",
        "duly jobs list -q --status failed | duly jobs retry -",
    ],
)
def jobs() -> None:
    """List, show, retry and cancel jobs."""


jobs.add_command(logs)
jobs.add_command(wait)


@jobs.command(
    "list",
    examples=["duly jobs list --status failed --since 1h", "duly jobs list --type email --json"],
)
@click.option("--status", type=click.Choice([status.value for status in JobStatus]))
@click.option("--type", "job_type", metavar="JOB_TYPE", help="Only jobs of this type.")
@click.option("--queue", help="Only jobs in this queue.")
@click.option("--tag", help="Only jobs with this tag.")
@click.option("--since", type=past_moment, help="Made at or after this time, or so long ago (1h).")
@click.option("--until", type=past_moment, help="Made before this time, or so long ago.")
@click.option("--limit", type=click.IntRange(1, MOST), default=50, show_default=True)
@click.option("--before", metavar="ID", help="Only older ones: the last id of the page before.")
@click.option("-q", "--quiet", is_flag=True, help="Print ids only, one per line.")
@pass_options
def list_jobs(
    options: Options,
    *,
    status: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    before: str | None,
    quiet: bool,
    **filters: str | None,
) -> None:
    """List jobs, newest first."""
    wanted = JobFilters(
        status=JobStatus(status) if status else None,
        created_after=since,
        created_before=until,
        **filters,
    )
    last = None if before is None else parse_job_id(before)
    found = run(_list(read_settings(), wanted, limit, last))
    if options.json:
        print_json(found)
    elif quiet:
        for job in found:
            click.echo(job.id)
    else:
        print_jobs(found)
        if len(found) == limit:
            say(f"There may be more: add --before {found[-1].id}")


@jobs.command(
    examples=[
        "duly jobs show 0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10",
        "duly jobs show --attempts --json 0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10",
    ],
)
@click.argument("job_id", metavar="ID")
@click.option("--attempts", is_flag=True, help="Only the attempts that have ended.")
@pass_options
def show(options: Options, job_id: str, *, attempts: bool) -> None:
    """Show one job and its attempts."""
    job, made = run(_show(read_settings(), parse_job_id(job_id)))
    if options.json:
        print_json(made if attempts else job)
    else:
        print_job(None if attempts else job, made)


def _acting(verb: str, act: Act, about: str, examples: list[str]) -> None:
    @jobs.command(verb, help=about, examples=examples)
    @click.argument("words", metavar="[ID...]", nargs=-1)
    @filter_options
    @pass_options
    def command(
        options: Options, words: tuple[str, ...], *, dry_run: bool, yes: bool, **given: Any
    ) -> None:
        filters = filters_from(**given)
        if filters is not None and not words:
            work = act_on_many(read_settings(), verb, filters, dry_run=dry_run, yes=yes)
            print_answer(verb, run(work), dry_run=dry_run, as_json=options.json)
            return
        if not words or filters is not None or dry_run:
            raise click.UsageError("say which jobs: by their ids, by filters, or --all of them")
        changed, code = run(_act(read_settings(), verb, act, job_ids(words)))
        if options.json:
            is_one = len(words) == 1 and words[0] != "-"
            for document in changed if is_one else [changed]:
                print_json(document)
        else:
            for job in changed:
                click.echo(f"{job.id}  {job.job_type}  {job.status.value}")
        raise click.exceptions.Exit(code)

    del command


_acting(
    "retry",
    Client.retry,
    "Make jobs that have ended pending again, with all their tries.\n\nSeveral ids may be given, or"
    " - to read them from stdin. With --json, one id prints its job, more print an array.\n\n"
    "Instead of ids, filters may say which: those that match now, and have failed unless --status"
    " says otherwise. With --json: how many matched, changed, and were skipped.",
    [
        "duly jobs retry 0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10",
        "duly jobs list -q --status failed --since 1h | duly jobs retry -",
        "duly jobs retry --status failed --type email --since 24h",
    ],
)
_acting(
    "cancel",
    Client.cancel,
    "Cancel jobs: pending ones at once, running ones when their handler has stopped.\n\nSeveral ids"
    " may be given, or - to read them from stdin. With --json, one id prints its job, more print"
    " an array.\n\nInstead of ids, filters may say which: those that match now. With --json: how"
    " many matched, changed, and were skipped.",
    [
        "duly jobs cancel 0197a3c1-5b60-7c1e-9f0e-2b8a6d3f4e10",
        "duly jobs list -q --status pending --queue reports | duly jobs cancel -",
        "duly jobs cancel --queue reports --dry-run",
    ],
)


async def _list(
    settings: Settings, filters: JobFilters, limit: int, before: UUID | None
) -> list[Job]:
    async with open_engine(settings) as engine:
        return await engine.client.list(filters, limit=limit, before=before)


async def _show(settings: Settings, job_id: UUID) -> tuple[Job, list[Attempt]]:
    async with open_engine(settings) as engine:
        return await engine.client.get(job_id), await engine.client.attempts(job_id)


async def _act(settings: Settings, verb: str, act: Act, ids: list[str]) -> tuple[list[Job], int]:
    """Act on one after the other; a refusal is told at once and costs only itself."""
    changed: list[Job] = []
    code = 0
    async with open_engine(settings) as engine:
        for job_id in with_progress(ids, verb, len(ids)):
            try:
                changed.append(await act(engine.client, parse_job_id(job_id)))
            except (NotFound, Conflict) as error:
                code = code or _tell(error)
    if len(ids) > 1:
        say(f"{verb}: {len(changed)} of {len(ids)} jobs")
    return changed, code


def _tell(error: DulyError) -> int:
    say(printable(str(error)))
    return error.exit_code

"""`duly events`: what happens to jobs, as it happens or as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from ...config import Settings
from ...events.event import LOG, PROGRESS, Event, EventFilters, Reset
from ...events.subscription import Subscription
from ...jobs.ids import parse_job_id
from ...jobs.status import JobStatus
from ...wiring import open_engine
from ..command import Command, Options, pass_options
from ..environment import read_settings, run
from ..output.events import event_as_data
from ..output.terminal import one_line, print_json, say
from ..output.timeline import Timeline
from ..values import past_moment

START = "0"


def included(text: str) -> frozenset[str]:
    """The kinds of reports in text such as progress,log."""
    kinds = frozenset(filter(None, text.split(",")))
    if not kinds <= {PROGRESS, LOG}:
        raise click.BadParameter(f"{text!r} is not known: write progress, log, or progress,log")
    return kinds


@click.command(
    cls=Command,
    short_help="Print what happens to jobs.",
    examples=[
        "duly events -f --type email --include progress,log",
        "duly events --since 10m --status failed --json",
    ],
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what happens from now on.")
@click.option("--status", type=click.Choice([status.value for status in JobStatus]))
@click.option("--type", "job_type", metavar="JOB_TYPE", help="Only jobs of this type.")
@click.option("--queue", help="Only jobs in this queue.")
@click.option("--tag", help="Only jobs with this tag.")
@click.option("--job", metavar="ID", help="Only this job.")
@click.option(
    "--include", type=included, default="", help="Also what handlers report: progress,log."
)
@click.option("--since", type=past_moment, help="From this time on, or from so long ago (10m).")
@click.option("--after", metavar="POSITION", help="After this position, as --json prints it.")
@pass_options
def events(
    options: Options,
    *,
    follow: bool,
    status: str | None,
    job: str | None,
    include: frozenset[str],
    since: datetime | None,
    after: str | None,
    **filters: str | None,
) -> None:
    """Print the changes of jobs, oldest first, one per line.

    Without -f, those that are kept up to now. With -f and neither --since nor --after, those from
    now on, until Ctrl-C.
    """
    if since is not None and after is not None:
        raise click.UsageError("give --since or --after, not both")
    wanted = EventFilters(
        status=JobStatus(status) if status else None,
        job_id=None if job is None else parse_job_id(job),
        progress=PROGRESS in include,
        log=LOG in include,
        **filters,
    )
    start = after if follow and since is None else after or START
    printer = Printer(as_json=options.json, since=since)
    run(_print_events(read_settings(), wanted, start, printer, follow=follow))


class Printer:
    """Prints events; those before `since` it leaves out."""

    def __init__(self, *, as_json: bool, since: datetime | None) -> None:
        self._as_json = as_json
        self._since = since
        self._timeline = Timeline()

    def __call__(self, event: Event | Reset) -> None:
        if isinstance(event, Event) and self._since is not None and event.at < self._since:
            return
        if self._as_json:
            print_json(event_as_data(event))
        elif isinstance(event, Reset):
            say(f"The stream starts over: {one_line(event.reason)}. Events may be missing.")
        else:
            click.echo(self._timeline.line(event, f"{event.job_id}  {event.job_type}"))


async def _print_events(
    settings: Settings, filters: EventFilters, after: str | None, show: Printer, *, follow: bool
) -> None:
    started = datetime.now(UTC)
    async with open_engine(settings) as engine:
        if follow:
            async for event in engine.live.follow(filters, after=after):
                show(event)
            return
        feed = await engine.live.feed()
        async with feed.follow(filters, after=after) as subscription:
            await _print_kept(subscription, started, show)


async def _print_kept(subscription: Subscription, started: datetime, show: Printer) -> None:
    while True:
        event = await subscription.next(0)
        if isinstance(event, Event) and event.at > started:
            return
        if event is not None:
            show(event)
        elif not subscription.is_behind:
            return

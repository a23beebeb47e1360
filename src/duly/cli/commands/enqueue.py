"""`duly enqueue`: one job, made; and, where asked, followed to its end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click

from ...config import Settings
from ...errors import Refused
from ...jobs.job import Job
from ...jobs.payload import encode_payload, read_payload
from ...jobs.status import JobStatus
from ...jobs.submission import Submission
from ...wiring import open_engine
from ..command import Command, Options, pass_options
from ..environment import read_settings, run
from ..output.moments import full
from ..output.terminal import print_json, say
from ..values import duration, moment, pair
from ..watch import Shown

FAILED, TIMED_OUT = 1, 124

_TYPED = {"job_type": "JOB_TYPE", "run_at": "--at", "delay": "--in", "tags": "--tag"}


@click.command(
    cls=Command,
    short_help="Submit a job.",
    examples=[
        "duly enqueue email --arg to=ada@example.org --arg subject=Hello --watch",
        """duly enqueue report --payload '{"month": "2031-05"}' --queue reports --in 10m""",
    ],
)
@click.argument("job_type")
@click.option("--payload", metavar="JSON", help="The payload; - reads it from stdin.")
@click.option(
    "--arg", "pairs", type=pair, multiple=True, help="A member of the payload; k:=JSON for no text."
)
@click.option("--queue", help="The queue to put it in [default: its handler's, or default].")
@click.option("--at", "run_at", type=moment, help="Not before this time (RFC 3339 with offset).")
@click.option("--in", "delay", type=duration, help="Not before so long from now, such as 10m.")
@click.option("--priority", type=int, default=0, show_default=True, help="The higher, the sooner.")
@click.option("--unique-key", metavar="KEY", help="At most one live job has this key.")
@click.option("--max-attempts", type=int, help="Most tries [default: its handler's, or 3].")
@click.option("--tag", "tags", multiple=True, help="A word to find the job by; may be repeated.")
@click.option("--wait", is_flag=True, help="Wait until the job has ended; exit 1 if it failed.")
@click.option("--watch", is_flag=True, help="The same, and print each event of the job.")
@click.option("--timeout", type=duration, help="Wait no longer than this, then exit 124.")
@click.option("-q", "--quiet", is_flag=True, help="Print the id only.")
@pass_options
def enqueue(options: Options, **fields: Any) -> None:
    """Submit a job of JOB_TYPE.

    With --wait or --watch the exit code tells how it ended: 0 done, 1 failed or cancelled.
    """
    wait, watch, quiet = (bool(fields.pop(name)) for name in ("wait", "watch", "quiet"))
    timeout: float | None = fields.pop("timeout")
    if timeout is not None and not (wait or watch):
        raise click.UsageError("--timeout needs --wait or --watch")
    submission = _submission(**fields)
    settings = read_settings()
    if not (wait or watch):
        run(_enqueue(settings, submission, lambda job: _print_made(job, options, quiet=quiet)))
        return
    shown = Shown(as_json=options.json, quiet=quiet, events=watch)
    raise click.exceptions.Exit(run(_enqueue_and_follow(settings, submission, shown, timeout)))


def _submission(
    payload: str | None, pairs: tuple[tuple[str, Any], ...], tags: tuple[str, ...], **rest: Any
) -> Submission:
    if payload is not None and pairs:
        raise click.UsageError("give --payload or --arg, not both")
    if rest["run_at"] is not None and rest["delay"] is not None:
        raise click.UsageError("give --at or --in, not both")
    try:
        if payload is None:
            text = encode_payload(dict(pairs))
        else:
            given = sys.stdin.buffer.read() if payload == "-" else payload.encode()
            text = read_payload(given)
        return Submission(payload=text, tags=tags, **rest).check()
    except Refused as refusal:
        raise click.UsageError(_as_typed(refusal)) from None


def _as_typed(refusal: Refused) -> str:
    """The refusal, with the option as it was typed instead of the path."""
    path = str(refusal.fields["path"]).removeprefix("$.")
    name = path.partition(".")[0].partition("[")[0]
    option = _TYPED.get(name, f"--{name.replace('_', '-')}")
    where = "" if path == name else f" ({path})"
    return f"{option}{where}: {refusal.fields['reason']}"


async def _enqueue(settings: Settings, submission: Submission, show: Callable[[Job], None]) -> None:
    async with open_engine(settings) as engine:
        show(await engine.client.enqueue(submission))


async def _enqueue_and_follow(
    settings: Settings, submission: Submission, shown: Shown, timeout: float | None
) -> int:
    """Keeps the place in the stream from before the job is made: nothing of it can be missed."""
    async with open_engine(settings) as engine:
        before = await engine.endings.here() if shown.events else ""
        job = await engine.client.enqueue(submission)
        shown.beginning(job)
        try:
            if shown.events:
                job = await engine.endings.watch(
                    job, after=before, show=shown.event, timeout=timeout
                )
            else:
                job = await engine.endings.wait(job.id, timeout)
        except TimeoutError:
            say(f"Job {job.id} has not ended in time. It goes on: duly jobs wait {job.id}")
            return TIMED_OUT
        shown.end(job)
        return 0 if job.status is JobStatus.DONE else FAILED


def _print_made(job: Job, options: Options, *, quiet: bool) -> None:
    if options.json:
        print_json(job)
    elif quiet:
        click.echo(job.id)
    else:
        when = (
            "" if job.scheduled_at <= job.created_at else f"  not before {full(job.scheduled_at)}"
        )
        click.echo(f"{job.id}  {job.job_type}  {job.status.value}  queue={job.queue}{when}")

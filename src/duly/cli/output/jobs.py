"""Jobs for people: a table of many, a page about one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click
import msgspec

from ...jobs.attempt import Attempt
from ...jobs.job import Job
from .moments import clock, full, relative, span
from .reports import how_far
from .table import print_table
from .terminal import as_json, colored, first_line, one_line, printable

HEADINGS = ("ID", "TYPE", "QUEUE", "STATUS", "ATT", "WHEN", "ERROR")
LONGEST_PAYLOAD = 400


def print_jobs(jobs: Sequence[Job]) -> None:
    """A line for each job; of a pending one, WHEN is its moment to come."""
    now = datetime.now(UTC)
    print_table(HEADINGS, [_row(job, now) for job in jobs])


def print_job(job: Job | None, attempts: Sequence[Attempt]) -> None:
    """What is known about a job, and what became of each attempt."""
    if job is not None:
        _print_head(job)
    for attempt in attempts:
        _print_attempt(attempt)


def _row(job: Job, now: datetime) -> list[str]:
    waits = job.status == "pending" and job.scheduled_at > now
    moment = job.scheduled_at if waits else job.updated_at
    return [
        str(job.id),
        job.job_type,
        job.queue,
        job.status.value,
        f"{job.attempts}/{job.max_attempts}",
        relative(moment, now),
        first_line(job.last_error),
    ]


def _print_head(job: Job) -> None:
    tags = "".join(f" · #{one_line(tag)}" for tag in job.tags)
    key = f" · unique key {one_line(job.unique_key)}" if job.unique_key else ""
    click.echo(f"{job.job_type}  {job.id}  {colored(job.status.value)} {relative(job.updated_at)}")
    click.echo(
        f"queue {job.queue} · priority {job.priority} · attempt {job.attempts}/{job.max_attempts}"
        f" · made {full(job.created_at)}{tags}{key}"
    )
    if job.status == "pending" and job.scheduled_at > datetime.now(UTC):
        click.echo(f"due      {full(job.scheduled_at)}, {relative(job.scheduled_at)}")
    click.echo(f"payload  {one_line(as_json(job.payload), LONGEST_PAYLOAD)}")
    if job.progress is not None:
        far = how_far(job.progress.done, job.progress.total, job.progress.note)
        click.echo(f"progress {far}, {relative(job.progress.at)}")
    if job.result is not None:
        click.echo(f"result   {one_line(as_json(job.result), LONGEST_PAYLOAD)}")
    if job.last_error:
        click.echo(f"error    {first_line(job.last_error)}")


def _print_attempt(attempt: Attempt) -> None:
    started = attempt.started_at or attempt.finished_at
    took = span((attempt.finished_at - started).total_seconds() * 1000)
    head = f"{attempt.attempt:>2}  {clock(started)}  {took:>8}  {attempt.outcome}"
    worker = f"  {one_line(attempt.worker)}" if attempt.worker else ""
    click.echo(f"{head} → {colored(attempt.status.value)}{worker}")
    for line in filter(str.strip, printable(attempt.error or "").splitlines()):
        click.echo(f"      {line}")
    if attempt.result is not None and bytes(attempt.result) != b"null":
        click.echo(f"      result {one_line(msgspec.json.encode(attempt.result).decode())}")

"""What is shown of one job that is followed to its end."""

from __future__ import annotations

from dataclasses import dataclass, field

import click

from ..events.event import Event
from ..jobs.job import Job
from .output.events import event_as_data
from .output.terminal import colored, first_line, print_json
from .output.timeline import Timeline


@dataclass(kw_only=True)
class Shown:
    """What somebody who waits for a job gets to see: its events, or only how it ended."""

    as_json: bool
    quiet: bool
    events: bool
    _timeline: Timeline = field(default_factory=Timeline)

    def beginning(self, job: Job) -> None:
        """Show which job it is."""
        if self.quiet:
            click.echo(job.id)
        elif not self.as_json:
            click.echo(f"job {job.id}  {job.job_type}  queue={job.queue}  priority={job.priority}")

    def event(self, event: Event) -> None:
        """Show one event of the job."""
        if not self.events or self.quiet:
            return
        if self.as_json:
            print_json(event_as_data(event))
        else:
            click.echo(self._timeline.line(event))

    def end(self, job: Job) -> None:
        """Show how the job ended, unless its last event has said so."""
        if self.quiet or self.events:
            return
        if self.as_json:
            print_json(job)
        else:
            error = f"  {first_line(job.last_error)}" if job.last_error else ""
            click.echo(f"  {colored(job.status.value)}  attempts {job.attempts}{error}")

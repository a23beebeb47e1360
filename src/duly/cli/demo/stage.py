"""The play: submits the four jobs over HTTP, shows what happens, and judges how it ended."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import click

from ...events.event import Event
from ..output.events import event_as_data
from ..output.moments import clock
from ..output.terminal import one_line, print_json
from ..output.timeline import Timeline
from .door import Door, read_events
from .mailbox import Mail, Mailbox
from .story import BUSY, SCENES, UNKNOWN, Scene

LONGEST_SECONDS = 60.0
LABEL_WIDTH = max(len(scene.label) for scene in SCENES)


class Stage:
    """One performance. `mailbox` is where the mail of its jobs arrives.

    Its addresses are its own: jobs that an interrupted demo left behind cannot disturb it.
    """

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._timeline = Timeline()
        self._scenes: dict[UUID, Scene] = {}
        self._answers: deque[tuple[datetime, str]] = deque()
        self._mark = secrets.token_hex(2)
        self._domain = f"{self._mark}.demo.example"
        self.mailbox = Mailbox(
            busy=f"{BUSY}@{self._domain}",
            unknown=f"{UNKNOWN}@{self._domain}",
            tell=self._tell_mail,
        )

    async def play(self, door: Door) -> list[str]:
        """What went wrong; nothing when the four jobs ended as they must."""
        tag = f"demo-{self._mark}"
        try:
            async with asyncio.timeout(LONGEST_SECONDS), door.stream(tag) as stream:
                self._say("Four jobs, submitted with POST /jobs:\n")
                for scene in SCENES:
                    await self._submit(door, scene, tag)
                self._say("\nWhat happens to them, from GET /events:\n")
                await self._show(read_events(stream))
        except TimeoutError:
            return [f"the jobs have not ended within {LONGEST_SECONDS:.0f} s"]
        return await self._judge(door)

    @property
    def mails(self) -> list[Mail]:
        """The mail that the jobs of this performance have sent."""
        return [mail for mail in self.mailbox.mails if mail.to[0].endswith(f"@{self._domain}")]

    async def _submit(self, door: Door, scene: Scene, tag: str) -> None:
        job = await door.post("/jobs", scene.request(self._domain, tag))
        self._scenes[UUID(job["id"])] = scene
        self._say(f"  {scene.label:<{LABEL_WIDTH}}  {job['id']}  {scene.about}.")

    async def _show(self, events: AsyncIterator[Event]) -> None:
        running = set(self._scenes)
        async for event in events:
            self._tell(event)
            if event.status.is_final:
                running.discard(event.job_id)
            if not running:
                return

    async def _judge(self, door: Door) -> list[str]:
        faults: list[str] = []
        for job_id, scene in self._scenes.items():
            job = await door.get(f"/jobs/{job_id}")
            faults += scene.faults(job, await door.get(f"/jobs/{job_id}/attempts"))
        received = sorted(mail.subject for mail in self.mails)
        expected = sorted(scene.subject for scene in SCENES if scene.to != UNKNOWN)
        if received != expected:
            faults.append(f"the mail server received {received}, must be {expected}")
        return faults

    def _tell(self, event: Event) -> None:
        if self._as_json:
            print_json(event_as_data(event))
            return
        while self._answers and self._answers[0][0] <= event.at:
            self._say(self._answers.popleft()[1])
        label = f"{self._scenes[event.job_id].label:<{LABEL_WIDTH}}"
        self._say(self._timeline.line(event, label))

    def _tell_mail(self, address: str, answer: str) -> None:
        """Keep what the mail server answered until the events from before it have been told."""
        now = datetime.now(UTC)
        text = f"  {clock(now)}  {'':<{LABEL_WIDTH}}  mail server, {one_line(address)}: {answer}"
        self._answers.append((now, click.style(text, dim=True)))

    def _say(self, text: str) -> None:
        if not self._as_json:
            click.echo(text)

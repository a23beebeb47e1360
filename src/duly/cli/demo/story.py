"""The four jobs of the demo, and how each must end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...jobs.status import JobStatus

BUSY, UNKNOWN = "grace", "nobody"
DELAY_SECONDS = 2
SENDER = "duly@demo.example"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One job: what is submitted, and how it must end. `to` is the name before the @."""

    label: str
    about: str
    to: str
    subject: str
    delay: float | None = None
    status: JobStatus = JobStatus.DONE
    attempts: int = 1

    def request(self, domain: str, tag: str) -> dict[str, Any]:
        """The body for `POST /jobs`; mail goes to an address of `domain`."""
        to = f"{self.to}@{domain}"
        payload = {"to": to, "subject": self.subject, "text": f"{self.about}."}
        timing = {} if self.delay is None else {"delay": self.delay}
        return {"job_type": "email", "payload": payload, "tags": [tag], **timing}

    def faults(self, job: dict[str, Any], attempts: list[dict[str, Any]]) -> list[str]:
        """What is not as it must be; nothing when all is well."""
        faults: list[str] = []
        if job["status"] != self.status:
            faults.append(f"{self.label}: is {job['status']}, must be {self.status.value}")
        if job["attempts"] != self.attempts or len(attempts) != self.attempts:
            faults.append(f"{self.label}: {job['attempts']} attempts, must be {self.attempts}")
        if self.delay is not None and any(_is_early(attempt, job) for attempt in attempts):
            faults.append(f"{self.label}: was started before its time")
        return faults


SCENES = (
    Scene(label="plain", about="An e-mail that is sent at once", to="ada", subject="Hello Ada"),
    Scene(
        label="flaky",
        about="The mail server is busy twice, the third attempt succeeds",
        to=BUSY,
        subject="Hello Grace, at last",
        attempts=3,
    ),
    Scene(
        label="later",
        about=f"Scheduled {DELAY_SECONDS} seconds ahead",
        to="alan",
        subject="Hello Alan, on time",
        delay=DELAY_SECONDS,
    ),
    Scene(
        label="hopeless",
        about="Nobody has this address: it fails for good, and is not tried again",
        to=UNKNOWN,
        subject="Hello?",
        status=JobStatus.FAILED,
    ),
)


def _is_early(attempt: dict[str, Any], job: dict[str, Any]) -> bool:
    started = datetime.fromisoformat(attempt["started_at"])
    return started < datetime.fromisoformat(job["scheduled_at"])

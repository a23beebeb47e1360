"""Jobs coming in: POST /jobs and POST /jobs/batch."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Callable, Container, Iterable
from typing import Annotated, TypeVar

from msgspec import Meta
from starlette.responses import Response

from ...client import Client
from ...config import Settings
from ...errors import RequestRefused, UnknownJobType
from ...jobs.job import Job
from ...jobs.submission import Idempotency, Submission
from ..answer import json_answer
from ..operation import Operation
from ..problems import MediaTypeRefused
from ..request import JSON_TYPE, LINES_TYPES, Request
from ..wire import MOST_JOBS, JobRequest, read_job, read_jobs, read_lines

BATCH_BYTES = 16_777_216
READ_ON_LOOP_BYTES = 65_536
IDEMPOTENCY_KEY = "idempotency-key"
KEY_PATTERN = r"^[\x21-\x7e]{1,255}$"

Key = Annotated[str, Meta(pattern=KEY_PATTERN, min_length=1, max_length=255)]
Read = TypeVar("Read")


class SubmissionRoutes:
    """Turns bodies into jobs. `job_types` are those that a strict server accepts."""

    def __init__(self, client: Client, settings: Settings, job_types: Container[str]) -> None:
        self._client = client
        self._most = settings.max_body_bytes
        self._most_of_batch = max(settings.max_body_bytes, BATCH_BYTES)
        self._job_types = job_types if settings.strict_job_types else None

    def operations(self) -> list[Operation]:
        """What these routes offer."""
        return [
            Operation(
                method="POST",
                path="/jobs",
                answer=self.submit,
                summary="Submit one job. The same Idempotency-Key and body answers the same job; a"
                " unique_key that a live job holds answers that job.",
                bodies={JSON_TYPE: JobRequest},
                body_needed=True,
                request_headers={"Idempotency-Key": Key},
                status=201,
                answers={JSON_TYPE: Job},
                answer_headers={"Location": "Where the job is."},
                refusals=(400, 408, 409, 413, 415, 422, 503),
            ),
            Operation(
                method="POST",
                path="/jobs/batch",
                answer=self.submit_batch,
                summary=f"Submit up to {MOST_JOBS} jobs: all or none, answered in their order.",
                bodies={
                    JSON_TYPE: Annotated[list[JobRequest], Meta(max_length=MOST_JOBS)],
                    LINES_TYPES[0]: JobRequest,
                },
                body_needed=True,
                status=201,
                answers={JSON_TYPE: list[Job]},
                refusals=(400, 408, 409, 413, 415, 422, 503),
            ),
        ]

    async def submit(self, request: Request) -> Response:
        """Make the job in the body, and answer it whole."""
        key = _idempotency_key(request)
        body = await request.json_body(self._most)
        submission = await _read(read_job, body)
        self._check_type(submission, "$")
        idempotency = None
        if key is not None:
            idempotency = Idempotency(key=key, fingerprint=hashlib.sha256(body).digest())
        job = await self._client.enqueue(submission, idempotency=idempotency)
        location = f"{request.scope.get('root_path', '')}/jobs/{job.id}"
        return json_answer(job, 201, [(b"location", location.encode())])

    async def submit_batch(self, request: Request) -> Response:
        """Make every job in the body, or none."""
        if request.headers(IDEMPOTENCY_KEY.encode()):
            raise RequestRefused(
                path=IDEMPOTENCY_KEY,
                reason="is for single jobs: give the jobs of a batch a unique_key instead",
            )
        kind = request.media_type() or JSON_TYPE
        if kind != JSON_TYPE and kind not in LINES_TYPES:
            raise MediaTypeRefused(
                given=repr(kind[:100]), expected=f"{JSON_TYPE}, {LINES_TYPES[0]}"
            )
        body = await request.body(self._most_of_batch)
        submissions = await _read(read_jobs if kind == JSON_TYPE else read_lines, body)
        for index, submission in enumerate(submissions):
            self._check_type(submission, f"$[{index}]")
        jobs = await self._client.enqueue_many(submissions) if submissions else []
        return json_answer(jobs, 201)

    def _check_type(self, submission: Submission, path: str) -> None:
        known = self._job_types
        if known is None or submission.job_type in known:
            return
        names = ", ".join(known) if isinstance(known, Iterable) else "those with a handler"
        raise UnknownJobType(
            job_type=submission.job_type, known=names or "none", path=f"{path}.job_type"
        )


async def _read(read: Callable[[bytes], Read], body: bytes) -> Read:
    """What `read` makes of `body`; off the event loop when that takes more than a moment."""
    if len(body) <= READ_ON_LOOP_BYTES:
        return read(body)
    return await asyncio.to_thread(read, body)


def _idempotency_key(request: Request) -> str | None:
    key = request.header(IDEMPOTENCY_KEY.encode())
    if key is not None and re.fullmatch(KEY_PATTERN.strip("^$"), key) is None:
        reason = "must be 1 to 255 visible ASCII characters"
        raise RequestRefused(path=IDEMPOTENCY_KEY, reason=reason)
    return key

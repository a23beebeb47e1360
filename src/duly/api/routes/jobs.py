"""Jobs that are there: the list, one job, its attempts, logs and result, cancel and retry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ...client import Client
from ...config import Settings
from ...errors import NotAllowed
from ...jobs.attempt import Attempt, LogLine
from ...jobs.filters import JobFilters
from ...jobs.ids import parse_job_id
from ...jobs.job import Job
from ...jobs.status import JobStatus
from ..answer import json_answer
from ..operation import Operation
from ..query import ListQuery, read_cursor, read_query, write_cursor
from ..request import JSON_TYPE, Request
from ..wire import NoFields, read_no_fields

LINKED = {"Link": 'The next page, rel="next", when there may be one.'}


class LogQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines to list: of which attempt, and after which position."""

    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    after: Annotated[str, Meta(pattern=r"^[0-9]{1,18}\.[0-9]{1,9}$")] | None = None
    attempt: Annotated[int, Meta(ge=1, le=32_767)] | None = None


class JobRoutes:
    """Everything that can be asked about a job, or done to it, once it exists."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._most = settings.max_body_bytes

    def operations(self) -> list[Operation]:
        """What these routes offer."""
        return [*self._looks(), *self._acts()]

    async def list(self, request: Request) -> Response:
        """Answer a page of jobs, and say in a header where the next one is."""
        query = read_query(request, ListQuery)
        filters = JobFilters(
            status=query.status,
            job_type=query.job_type,
            queue=query.queue,
            tag=query.tag,
            created_after=query.created_after,
            created_before=query.created_before,
        )
        before = None if query.cursor is None else read_cursor(query.cursor)
        jobs = await self._client.list(filters, limit=query.limit, before=before)
        if len(jobs) < query.limit:
            return json_answer(jobs)
        return json_answer(jobs, headers=[_next_page(request, cursor=write_cursor(jobs[-1].id))])

    async def get(self, request: Request) -> Response:
        """Answer one job."""
        return json_answer(await self._client.get(_job_id(request)))

    async def attempts(self, request: Request) -> Response:
        """Answer the tries at one job."""
        return json_answer(await self._client.attempts(_job_id(request)))

    async def logs(self, request: Request) -> Response:
        """Answer a page of lines, and say in a header where the next one is."""
        query = read_query(request, LogQuery)
        lines = await self._client.logs(
            _job_id(request), limit=query.limit, after=query.after, attempt=query.attempt
        )
        if len(lines) < query.limit:
            return json_answer(lines)
        return json_answer(lines, headers=[_next_page(request, after=lines[-1].position)])

    async def result(self, request: Request) -> Response:
        """Answer the result alone; only a job that is done has one."""
        job = await self._client.get(_job_id(request))
        if job.status is not JobStatus.DONE:
            raise NotAllowed(
                job_id=job.id,
                job_status=job.status,
                verb="result",
                allowed=JobStatus.DONE,
            )
        return json_answer(job.result)

    def _looks(self) -> Sequence[Operation]:
        return [
            _looking(
                "/jobs",
                self.list,
                "List jobs, newest first.",
                list[Job],
                query=ListQuery,
                refusals=(422, 503),
            ),
            _looking("/jobs/{job_id}", self.get, "Look at one job.", Job),
            _looking(
                "/jobs/{job_id}/attempts",
                self.attempts,
                "List the tries at a job that have ended, oldest first.",
                list[Attempt],
            ),
            _looking(
                "/jobs/{job_id}/logs",
                self.logs,
                "List what the handlers of a job have said, oldest first.",
                list[LogLine],
                query=LogQuery,
            ),
            _looking(
                "/jobs/{job_id}/result",
                self.result,
                "Look at what the handler of a job that is done returned.",
                Any,
                refusals=(404, 409, 422, 503),
            ),
        ]

    def _acts(self) -> Sequence[Operation]:
        return [
            self._acting(
                "cancel",
                self._client.cancel,
                "Cancel a job: at once, or when its handler has stopped.",
            ),
            self._acting(
                "retry",
                self._client.retry,
                "Make a job that has ended pending again, with all its tries.",
            ),
        ]

    def _acting(self, verb: str, act: Callable[[UUID], Awaitable[Job]], summary: str) -> Operation:
        async def answer(request: Request) -> Response:
            read_no_fields(await request.json_body(self._most, empty_is_fine=True))
            return json_answer(await act(_job_id(request)))

        return Operation(
            method="POST",
            path=f"/jobs/{{job_id}}/{verb}",
            answer=answer,
            summary=summary,
            bodies={JSON_TYPE: NoFields},
            answers={JSON_TYPE: Job},
            refusals=(400, 404, 408, 409, 413, 415, 422, 503),
        )


def _looking(
    path: str,
    answer: Callable[[Request], Awaitable[Response]],
    summary: str,
    kind: Any,
    *,
    query: type[msgspec.Struct] | None = None,
    refusals: tuple[int, ...] = (404, 422, 503),
) -> Operation:
    """A look that changes nothing; what takes parameters is read page by page."""
    return Operation(
        method="GET",
        path=path,
        answer=answer,
        summary=summary,
        answers={JSON_TYPE: kind},
        query=query,
        answer_headers=LINKED if query else {},
        refusals=refusals,
    )


def _job_id(request: Request) -> UUID:
    return parse_job_id(request.path_parameters["job_id"])


def _next_page(request: Request, **start: str) -> tuple[bytes, bytes]:
    """A link that is relative to the address at hand, whatever a proxy has put before it."""
    given = parse_qsl(request.query_string.decode("ascii"), keep_blank_values=True)
    pairs = [(name, value) for name, value in given if name not in start]
    query = urlencode([*pairs, *start.items()])
    return b"link", f'<?{query}>; rel="next"'.encode()

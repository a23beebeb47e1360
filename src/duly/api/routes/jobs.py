"""Jobs that are there: the list, one job, its attempts and result, cancel and retry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from starlette.responses import Response

from ...client import Client
from ...config import Settings
from ...errors import NotAllowed
from ...jobs.attempt import Attempt
from ...jobs.filters import JobFilters
from ...jobs.ids import parse_job_id
from ...jobs.job import Job
from ...jobs.status import JobStatus
from ..answer import json_answer
from ..operation import Operation
from ..query import ListQuery, read_cursor, read_query, write_cursor
from ..request import JSON_TYPE, Request
from ..wire import NoFields, read_no_fields


class JobRoutes:
    """Everything that can be asked about a job, or done to it, once it exists."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._most = settings.max_body_bytes

    def operations(self) -> list[Operation]:
        """What these routes offer."""
        return [
            Operation(
                method="GET",
                path="/jobs",
                answer=self.list,
                summary="List jobs, newest first.",
                query=ListQuery,
                answers={JSON_TYPE: list[Job]},
                answer_headers={"Link": 'The next page, rel="next", when there may be one.'},
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
                "/jobs/{job_id}/result",
                self.result,
                "Look at what the handler of a job that is done returned.",
                Any,
                409,
            ),
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
        headers = [_next_page(request, jobs[-1].id)] if len(jobs) == query.limit else []
        return json_answer(jobs, headers=headers)

    async def get(self, request: Request) -> Response:
        """Answer one job."""
        return json_answer(await self._client.get(_job_id(request)))

    async def attempts(self, request: Request) -> Response:
        """Answer the tries at one job."""
        return json_answer(await self._client.attempts(_job_id(request)))

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
    *refusals: int,
) -> Operation:
    return Operation(
        method="GET",
        path=path,
        answer=answer,
        summary=summary,
        answers={JSON_TYPE: kind},
        refusals=(404, 422, 503, *refusals),
    )


def _job_id(request: Request) -> UUID:
    return parse_job_id(request.path_parameters["job_id"])


def _next_page(request: Request, last: UUID) -> tuple[bytes, bytes]:
    """A link that is relative to the address at hand, whatever a proxy has put before it."""
    given = parse_qsl(request.query_string.decode("ascii"), keep_blank_values=True)
    pairs = [(name, value) for name, value in given if name != "cursor"]
    query = urlencode([*pairs, ("cursor", write_cursor(last))])
    return b"link", f'<?{query}>; rel="next"'.encode()

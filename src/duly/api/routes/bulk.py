"""One verb on many jobs: POST /jobs/cancel and POST /jobs/retry."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ...bulk import BulkAnswer
from ...client import Client
from ...config import Settings
from ...errors import RequestRefused
from ...jobs.filters import JobFilters
from ...jobs.status import JobStatus
from ...jobs.text import clean_text
from ..answer import json_answer
from ..operation import Operation
from ..request import JSON_TYPE, Request
from ..wire import Name, Tag, read_as

MOST_IDS = 1_000


class BulkFilter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs are meant: those that match every field that is given, as in `GET /jobs`."""

    status: JobStatus | None = None
    job_type: Name | None = None
    queue: Name | None = None
    tag: Tag | None = None
    created_after: Annotated[datetime, Meta(tz=True)] | None = None
    created_before: Annotated[datetime, Meta(tz=True)] | None = None


class BulkRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Many jobs, by their ids or by a filter. `all` says that none is needed.

    With `dry_run` nothing is done: the answer says how many match.
    """

    ids: Annotated[list[UUID], Meta(max_length=MOST_IDS)] | None = None
    filter: BulkFilter | None = None
    all: bool = False
    dry_run: bool = False

    def which(self) -> JobFilters | list[UUID]:
        """The jobs that are meant; RequestRefused when that is not clear."""
        if self.ids is not None:
            if self.filter is not None or self.all:
                raise RequestRefused(path="$.ids", reason="cannot be combined with filter or all")
            return self.ids
        if self.filter is None and not self.all:
            raise RequestRefused(path="$", reason="give ids, or a filter, or all: true")
        given = msgspec.structs.asdict(self.filter or BulkFilter())
        if not self.all and set(given.values()) == {None}:
            reason = "names no field: that would be every job, which must be said with all: true"
            raise RequestRefused(path="$.filter", reason=reason)
        for name, value in given.items():
            if isinstance(value, str) and clean_text(value) != value:
                reason = "holds what PostgreSQL cannot store"
                raise RequestRefused(path=f"$.filter.{name}", reason=reason)
        return JobFilters(**given)


_read = msgspec.json.Decoder(BulkRequest).decode

ActOnMany = Callable[..., Awaitable[BulkAnswer]]


class BulkRoutes:
    """Turns a description of jobs into one answer for all of them."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._most = settings.max_body_bytes

    def operations(self) -> list[Operation]:
        """What these routes offer."""
        return [
            self._acting(
                "cancel",
                self._client.cancel_many,
                "Cancel many jobs: pending ones at once, running ones when their handler has"
                " stopped. Which ones is decided once.",
            ),
            self._acting(
                "retry",
                self._client.retry_many,
                "Make many jobs that have ended pending again: of a filter without a status, those"
                " that failed. Which ones is decided once.",
            ),
        ]

    def _acting(self, verb: str, act: ActOnMany, summary: str) -> Operation:
        async def answer(request: Request) -> Response:
            asked = read_as(_read, await request.json_body(self._most))
            try:
                return json_answer(await act(asked.which(), dry_run=asked.dry_run))
            except RequestRefused as refused:
                if refused.fields["path"] != "status":
                    raise
                reason = refused.fields["reason"]
                raise RequestRefused(path="$.filter.status", reason=reason) from None

        return Operation(
            method="POST",
            path=f"/jobs/{verb}",
            answer=answer,
            summary=summary,
            bodies={JSON_TYPE: BulkRequest},
            body_needed=True,
            answers={JSON_TYPE: BulkAnswer},
            refusals=(400, 408, 413, 415, 422, 503),
        )

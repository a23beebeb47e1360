"""Which jobs somebody wants to see. Turning this into a statement is left to the store."""

from __future__ import annotations

from datetime import datetime

import msgspec

from .status import JobStatus


class JobFilters(msgspec.Struct, frozen=True, kw_only=True):
    """What a job must match to be listed; a field that is None matches every job.

    `created_after` is inclusive and `created_before` exclusive, so that neighbouring spans share
    no job and miss none. Both are aware.
    """

    status: JobStatus | None = None
    job_type: str | None = None
    queue: str | None = None
    tag: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None

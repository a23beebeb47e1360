"""Submission inside somebody else's transaction: the job exists when that commits, or never.

How drivers are spoken to is the store's; what a submission may be is the client's.
"""

from __future__ import annotations

from collections.abc import Sequence

from .client import new_job
from .jobs.job import Job
from .jobs.submission import Submission
from .store.foreign import statements
from .store.foreign.dialogue import Dialogue, hold, hold_sync
from .store.foreign.recognition import async_connection, sync_connection


async def enqueue(conn: object, submissions: Sequence[Submission]) -> list[Job]:
    """Make jobs, in order, on a connection of an async driver; its commit tells the workers.

    The submissions are whole. The errors of the driver are raised as they are. Raises
    RequestRefused for what is no such connection.
    """
    connection = async_connection(conn)
    return await hold(_enqueue(submissions), connection)


def enqueue_sync(conn: object, submissions: Sequence[Submission]) -> list[Job]:
    """The same on a connection of a sync driver."""
    connection = sync_connection(conn)
    return hold_sync(_enqueue(submissions), connection)


def _enqueue(submissions: Sequence[Submission]) -> Dialogue[list[Job]]:
    if not submissions:
        return []
    made = yield from statements.enqueue(submissions)
    old = yield from statements.get([one.job_id for one in made if not one.is_new])
    return [
        new_job(submission, one) if one.is_new else old[one.job_id]
        for submission, one in zip(submissions, made, strict=True)
    ]

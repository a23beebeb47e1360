"""Every error that duly raises, drawn as a tree.

The docstring of a leaf is its message: `{name}` stands for the field of that name. What each leaf
becomes at the doors (an HTTP status, an exit code) is in `STATUS` and `EXIT` beside it.

    DulyError
    ├── NotFound          JobNotFound
    ├── Refused           PayloadRefused · RequestRefused · SettingRefused · UnknownJobType ·
    │                     DatabaseAddressRefused
    ├── Conflict          NotAllowed · IdempotencyConflict · UniqueKeyTaken · LeaseLost
    ├── Unavailable       DatabaseUnreachable · EmbeddedPostgresFailed · StreamUnsettled
    ├── SchemaMismatch    SchemaTooOld · SchemaTooNew
    ├── NotDone           JobFailed · JobCancelled
    └── AppClosed
"""

from __future__ import annotations

import inspect
from typing import ClassVar


class DulyError(Exception):
    """Something went wrong in duly."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(inspect.cleandoc(type(self).__doc__ or "").format(**fields))

    def __reduce__(self) -> tuple[object, tuple[type[DulyError], dict[str, object]]]:
        return _rebuild, (type(self), self.fields)


def _rebuild(kind: type[DulyError], fields: dict[str, object]) -> DulyError:
    return kind(**fields)


class NotFound(DulyError):
    """There is no such thing."""

    status = 404
    exit_code = 3


class JobNotFound(NotFound):
    """There is no job {job_id}. It may have been pruned: finished jobs are kept for a while."""


class Refused(DulyError):
    """The input was refused."""

    status = 422
    exit_code = 2


class PayloadRefused(Refused):
    """{path}: {reason}"""


class RequestRefused(Refused):
    """{path}: {reason}"""


class SettingRefused(Refused):
    """{variable}: {reason}"""


class UnknownJobType(Refused):
    """No handler is registered for job type {job_type!r}. Known here: {known}."""


class Conflict(DulyError):
    """The state of things does not allow it."""

    status = 409
    exit_code = 4


class NotAllowed(Conflict):
    """Job {job_id} is {job_status}: {verb} is possible only for a job that is {allowed}."""


class IdempotencyConflict(Conflict):
    """The Idempotency-Key was used before with another body: use a new key for a new job."""


class UniqueKeyTaken(Conflict):
    """The unique key {unique_key!r} belongs to the live job {job_id}: wait until that one ends."""


class LeaseLost(Conflict):
    """Job {job_id} is not this attempt's any more: roll back what it did, another does the job."""


class Unavailable(DulyError):
    """Something that duly needs is away."""

    status = 503
    exit_code = 5


class DatabaseUnreachable(Unavailable):
    """The database cannot be reached ({reason}). Is PostgreSQL running, is DATABASE_URL right?"""


class DatabaseAddressRefused(Refused):
    """DATABASE_URL cannot be used: {reason}"""


class EmbeddedPostgresFailed(Unavailable):
    """{reason}"""


class StreamUnsettled(Unavailable):
    """The events are being set up anew after a restore or a failover: try again in a moment."""


class SchemaMismatch(DulyError):
    """The database schema does not fit this version of duly."""

    status = 503
    exit_code = 5


class SchemaTooOld(SchemaMismatch):
    """The database has schema {found}, this duly needs {needed}: run `duly db migrate`."""


class SchemaTooNew(SchemaMismatch):
    """The database has schema {found}, this duly knows only {needed}: install a newer duly."""


class NotDone(DulyError):
    """The job ended, but not well: it has no result."""


class JobFailed(NotDone):
    """Job {job_id} failed after {attempts} attempts: {reason}"""


class JobCancelled(NotDone):
    """Job {job_id} was cancelled: it has no result."""


class AppClosed(DulyError):
    """The app was closed while somebody waited. The jobs go on: open it again to wait for them."""

"""Which failures mean that the database is away, and the one sentence that says so."""

from __future__ import annotations

import asyncpg

from ..errors import DatabaseAddressRefused, DatabaseUnreachable, DulyError

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.OperatorInterventionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
)

# Never the driver's own words: they quote the address, and it may hold a password.
NO_ADDRESS = (
    "it is not an address such as postgresql://user:password@host:5432/database"
    " (write special characters of the password as %XX)"
)

REPEATABLE = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


def unreachable(error: BaseException) -> DulyError:
    """The error to raise for `error`, one of AWAY. Its text holds no address and no password."""
    if isinstance(error, asyncpg.ClientConfigurationError):
        return DatabaseAddressRefused(reason=NO_ADDRESS)
    if isinstance(error, TimeoutError):
        return DatabaseUnreachable(reason="it did not answer in time")
    if isinstance(error, OSError):
        return DatabaseUnreachable(reason=error.strerror or type(error).__name__)
    first_line = (str(error) or type(error).__name__).splitlines()[0]
    return DatabaseUnreachable(reason=first_line)

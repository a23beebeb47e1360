"""The PostgreSQL of a test run, and the database that its tests use one after the other."""

from __future__ import annotations

from ..config import Secret
from ..store.testing.databases import Databases
from .apart import run_apart


class Server:
    """A server at `address`. `is_ours`: it holds nothing but tests, and is on this machine."""

    def __init__(self, address: Secret, *, is_ours: bool) -> None:
        self._databases = Databases(address)
        self._is_ours = is_ours
        self._database: Secret | None = None

    def open(self) -> None:
        """Prepare the server, once per run."""
        if self._is_ours:
            run_apart(self._databases.hurry())
            run_apart(self._databases.sweep())

    def fresh_database(self) -> str:
        """The address of a database that is as good as new."""
        if self._database is not None and not run_apart(self._databases.clean(self._database)):
            self.close()
        if self._database is None:
            self._database = run_apart(self._databases.make())
            run_apart(self._databases.clean(self._database))
        return self._database.reveal()

    def close(self) -> None:
        """Drop what was made."""
        if self._database is not None:
            run_apart(self._databases.drop(self._database))
            self._database = None

"""The store: everything that can be said to the database, by subject."""

from __future__ import annotations

from ..postgres.pool import Database
from .attempts import Attempts
from .gatherer import Gatherer
from .house import House
from .jobs import Jobs
from .stream import Stream
from .workers import Workers


class Store:
    """One database, for one purpose."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.jobs = Jobs(database)
        self.attempts = Attempts(database)
        self.workers = Workers(database)
        self.house = House(database)
        self.stream = Stream(database)
        self.gatherer = Gatherer(self.jobs)

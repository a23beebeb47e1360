"""The pytest plugin: fixtures that are there wherever duly is installed.

Nothing of duly is imported before a test asks for one of them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the settings, for `[tool.pytest.ini_options]`."""
    parser.addini("duly_app", "where the app is that the tests are for: MODULE:NAME")
    parser.addini(
        "duly_postgres",
        "the environment variable with the address of a PostgreSQL to test on, where databases may"
        " be made; without it, an embedded one is started",
    )


@pytest.fixture(scope="session")
def duly_postgres(pytestconfig: pytest.Config) -> Generator[Any]:
    """The PostgreSQL of this run: an embedded one, or the one that `duly_postgres` names."""
    from ..config import Secret
    from .server import Server

    variable = pytestconfig.getini("duly_postgres")
    if variable and not os.environ.get(variable):
        raise pytest.UsageError(f"duly_postgres says {variable}, which is not in the environment")
    with _embedded(pytestconfig) if not variable else _given(os.environ[variable]) as address:
        server = Server(Secret(address), is_ours=not variable)
        server.open()
        yield server
        server.close()


@pytest.fixture
def duly_database(duly_postgres: Any) -> str:
    """The address of a database that has the schema of duly and nothing else.

    Override it to use a database of your own that has the schema: its name has `test` in it.
    """
    return duly_postgres.fresh_database()


@pytest.fixture
def duly_app(pytestconfig: pytest.Config) -> Any:
    """Your app: the one that `duly_app` in pytest's settings names. Or override this fixture."""
    module, _, name = pytestconfig.getini("duly_app").partition(":")
    if not module:
        raise pytest.UsageError(
            'which app is to be tested? Set duly_app = "your.module:app" in pytest\'s settings, or'
            " write a fixture duly_app that returns it"
        )
    return getattr(import_module(module), name or "app")


@pytest.fixture
def duly_testing(duly_app: Any, duly_database: str) -> Generator[Any]:
    """Your app on a clean database, and what a test may do with its jobs: see duly.testing."""
    from .testing import Testing

    testing = Testing(duly_app, duly_database)
    with testing.in_place():
        yield testing


@pytest.fixture
def duly_testing_sync(duly_testing: Any) -> Any:
    """The same for tests that are not asynchronous."""
    from .sync_testing import SyncTesting

    return SyncTesting(duly_testing)


@contextmanager
def _given(address: str) -> Generator[str]:
    yield address


@contextmanager
def _embedded(config: pytest.Config) -> Generator[str]:
    """An embedded server; it is made once, and found again by the next run, in pytest's cache."""
    from ..postgres.embedded import EmbeddedPostgres

    cache = getattr(config, "cache", None)
    made = None if cache is not None else tempfile.mkdtemp(prefix="duly-test-")
    home = cache.mkdir("duly") / "postgres" if cache is not None else Path(str(made)) / "postgres"
    server = EmbeddedPostgres(home, say=lambda _: None)
    try:
        yield server.start().reveal()
    finally:
        server.stop()
        if made is not None:
            shutil.rmtree(made, ignore_errors=True)

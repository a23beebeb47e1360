"""One database and one server for all tests of a file; a test that needs another starts its own."""

from __future__ import annotations

import pytest

from duly.config import Secret, Settings

from .server import running


@pytest.fixture(scope="module")
def database_url(postgres):
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="module")
def settings(database_url):
    return Settings(database_url=Secret(database_url), keep_alive=0.2)


@pytest.fixture(scope="module")
def server(settings):
    with running(settings) as running_server:
        yield running_server

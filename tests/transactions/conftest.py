"""An app whose worker does not poll, and a door to its database for each driver."""

from __future__ import annotations

from dataclasses import replace

import pytest

from duly import Duly

from .doors import ASYNC, SYNC


@pytest.fixture
async def app(settings):
    """An open app that knows a job type. Whoever waits for its worker waits for a notification."""
    made = Duly(replace(settings, poll=60.0))

    @made.handler("noted", queue="notes", max_attempts=7)
    async def noted(payload: dict) -> dict:
        return payload

    async with made:
        yield made


@pytest.fixture(params=[*ASYNC, *SYNC], ids=lambda kind: kind.__name__)
async def door(request, database_url):
    """A connection of each kind, to the database of the app."""
    opened = request.param(database_url)
    await opened.open()
    yield opened
    await opened.close()

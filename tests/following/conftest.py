"""An app that runs neither server nor worker; whatever does its jobs is somebody else."""

from __future__ import annotations

import pytest

from duly import Duly


@pytest.fixture
async def app(settings):
    async with Duly(settings) as opened:
        yield opened

"""Supervisors with real worker processes."""

from __future__ import annotations

import pytest

from .crew import Crew


@pytest.fixture
def crew(tmp_path, database_url):
    """What is started by one test, in a folder that holds its handlers."""
    started = Crew(tmp_path, database_url)
    yield started
    started.close()

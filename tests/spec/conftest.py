"""A fleet of worker processes."""

from __future__ import annotations

import pytest

from .fleet import Fleet


@pytest.fixture
def fleet(tmp_path, database_url):
    started = Fleet(tmp_path, database_url)
    yield started
    started.close()

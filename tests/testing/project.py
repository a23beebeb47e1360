"""A small project of a user's, whose tests are run by a pytest of its own."""

from __future__ import annotations

import re
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "testing.md"

APP = """
    import os
    from duly import Duly

    app = Duly()
    done = []

    @app.handler("double", queue="sums")
    async def double(payload):
        done.append(payload["n"])
        return payload["n"] * 2
"""

ASYNC_TESTS = """
    from jobs import app, double

    async def test_what_is_enqueued_is_done(duly_testing):
        async with app:
            await double.enqueue({"n": 4})
        await duly_testing.assert_enqueued(double, {"n": 4}, queue="sums", count=1)
        drained = await duly_testing.drain()
        assert drained[0].result == 8

    async def test_the_database_of_a_test_is_clean(duly_testing):
        async with app:
            assert await app.client.list(JobFilters()) == []
            await double.enqueue({"n": 1})

    async def test_the_database_of_another_test_is_clean_too(duly_testing):
        async with app:
            assert await app.client.list(JobFilters()) == []
            await double.enqueue({"n": 1})

    from duly.jobs.filters import JobFilters
"""

PLAIN_TESTS = """
    from jobs import app

    def test_what_is_enqueued_is_done(duly_testing_sync):
        before = app.settings.database_url.reveal()
        job = app.enqueue_sync("double", {"n": 5}, priority=3)
        duly_testing_sync.assert_enqueued("double", {"n": 5})
        assert job.priority == 3 and "duly_test_" in before
        assert duly_testing_sync.run_job(job).result == 10
        app.enqueue_sync("double", {"n": 6}, delay=60)
        assert len(duly_testing_sync.drain()) == 0
        duly_testing_sync.advance(60)
        assert duly_testing_sync.drain()[0].result == 12
        assert duly_testing_sync.enqueued() == []
"""

SETTINGS = """
    [pytest]
    addopts = -p no:cacheprovider -W error
    duly_app = jobs:app
    pythonpath = .
"""
PYTEST_ASYNCIO = ("asyncio_mode = auto", "asyncio_default_fixture_loop_scope = function")
ANYIO = ("anyio_mode = auto",)


def settings(*lines: str) -> str:
    """The settings of pytest for the project, with these lines more."""
    return SETTINGS + "".join(f"    {line}\n" for line in lines)


def programs_of_the_guide() -> dict[str, str]:
    """The files that the guide shows, by name: each block of code that begins with one."""
    blocks = re.findall(r"```\w+\n# (\S+\.\w+)\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    return dict(blocks)

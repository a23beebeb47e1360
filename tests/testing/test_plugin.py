"""The pytest plugin in small projects of users: each is run by a pytest in a process of its own."""

from __future__ import annotations

import asyncio
import sys

import asyncpg
import pytest

from . import project

pytest_plugins = ["pytester"]


@pytest.fixture
def server(postgres, monkeypatch):
    """The server of this run, where a project finds it by a variable of the environment."""
    monkeypatch.setenv("SERVER_FOR_TESTS", postgres.dsn)
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/production")
    return postgres


def run_fast(pytester, *plugins: str):
    """Run the tests of a project without looking for plugins: some are slow to load."""
    pytester._monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    named = [word for plugin in ("duly.testing.plugin", *plugins) for word in ("-p", plugin)]
    return pytester.runpytest_subprocess(*named)


def databases(server) -> list[str]:
    async def look():
        connection = await asyncpg.connect(server.dsn)
        names = await connection.fetch("select datname from pg_database")
        await connection.close()
        return [row["datname"] for row in names if row["datname"].startswith("duly_test_")]

    return asyncio.run(look())


@pytest.mark.parametrize(
    ("mode", "loop"),
    [(project.PYTEST_ASYNCIO, "pytest_asyncio.plugin"), (project.ANYIO, "anyio.pytest_plugin")],
)
def test_a_project_with_asynchronous_tests_is_tested(pytester, server, mode, loop):
    pytester.makeini(project.settings(*mode, "duly_postgres = SERVER_FOR_TESTS"))
    pytester.makepyfile(jobs=project.APP, test_jobs=project.ASYNC_TESTS)

    run = run_fast(pytester, loop)

    run.assert_outcomes(passed=3)


def test_a_project_with_plain_tests_is_tested(pytester, server):
    pytester.makeini(project.settings("duly_postgres = SERVER_FOR_TESTS"))
    pytester.makepyfile(jobs=project.APP, test_jobs=project.PLAIN_TESTS)

    run = run_fast(pytester)

    run.assert_outcomes(passed=1)
    assert [name for name in databases(server) if "template" not in name] == []


def test_the_programs_of_the_guide_run_on_an_embedded_postgres_that_is_made_once(
    pytester, tmp_path, monkeypatch
):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    for name, text in project.programs_of_the_guide().items():
        pytester.path.joinpath(name).write_text(text)
    cache = ("-o", f"cache_dir={tmp_path}/cache")

    whole = pytester.runpytest_subprocess("-W", "error", *cache)
    again = pytester.runpytest_subprocess("test_plain.py", *cache)

    whole.assert_outcomes(passed=7)
    again.assert_outcomes(passed=1)


def test_a_project_without_tests_of_jobs_does_not_pay_for_the_plugin(pytester):
    pytester.makepyfile(
        test_sums="""
        import sys

        def test_nothing_was_imported():
            loaded = {name for name in sys.modules if name.split(".")[0] == "duly"}
            assert loaded == {"duly", "duly.testing", "duly.testing.plugin"}
            assert "asyncpg" not in sys.modules and "msgspec" not in sys.modules
        """
    )

    run = pytester.runpytest_subprocess("-p", "no:schemathesis", "-p", "no:hypothesispytest")

    run.assert_outcomes(passed=1)


def test_settings_that_lack_something_say_what(pytester):
    pytester.makeini("[pytest]\nduly_postgres = NOT_SET_ANYWHERE")
    pytester.makepyfile(
        """
        def test_database(duly_database): pass
        def test_app(duly_app): pass
        """
    )

    run = run_fast(pytester)

    run.assert_outcomes(errors=2)
    run.stdout.fnmatch_lines(["*NOT_SET_ANYWHERE, which is not in the environment*"])
    run.stdout.fnmatch_lines(["*which app is to be tested?*"])


def test_the_plugin_is_found_by_itself():
    assert "duly.testing.plugin" in sys.modules

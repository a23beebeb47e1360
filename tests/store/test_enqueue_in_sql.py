"""Submitting from SQL: `duly.enqueue` in any transaction of any language."""

from __future__ import annotations

import json

import asyncpg
import pytest
from working import working

from duly.jobs.filters import JobFilters
from duly.jobs.status import JobStatus


async def test_a_job_that_was_made_in_sql_with_every_option_is_a_job_like_any_other(settings):
    async with working(settings, {}, worker=False) as work:
        job_id = await work.sql.fetchval(
            """
            select duly.enqueue(
              'email', '{"to": "someone@example.com"}', queue => 'mail', priority => 7,
              run_at => '2100-01-01+00', max_attempts => 5, unique_key => 'greeting',
              tags => array['weekly', 'with "quotes", and {braces}']
            )
            """
        )

        job = await work.client.get(job_id)

    assert (job.job_type, job.queue, job.priority, job.max_attempts) == ("email", "mail", 7, 5)
    assert json.loads(bytes(job.payload)) == {"to": "someone@example.com"}
    assert job.scheduled_at.year == 2100
    assert job.unique_key == "greeting"
    assert job.tags == ["weekly", 'with "quotes", and {braces}']
    assert job.status is JobStatus.PENDING


async def test_a_job_that_was_made_in_sql_with_nothing_but_its_type_is_done(settings):
    async def hello(payload):
        return payload

    async with working(settings, {"hello": hello}) as work:
        job_id = await work.sql.fetchval("select duly.enqueue('hello')")
        job = await work.ends(job_id)

    assert (job.status, job.queue, job.priority, job.max_attempts) == (
        JobStatus.DONE, "default", 0, 3,
    )  # fmt: skip
    assert bytes(job.result) == b"{}"


async def test_a_job_of_a_transaction_that_is_rolled_back_never_was(settings):
    ran = []

    async def note(payload):
        ran.append(payload["n"])

    async with working(settings, {"note": note}) as work:
        transaction = work.sql.transaction()
        await transaction.start()
        job_id = await work.sql.fetchval(
            """select duly.enqueue('note', '{"n": 1}', unique_key => 'a')"""
        )
        await transaction.rollback()
        after = await work.sql.fetchval(
            """select duly.enqueue('note', '{"n": 2}', unique_key => 'a')"""
        )
        await work.ends(after)
        jobs = await work.client.list(JobFilters())

    assert ran == [2]
    assert [job.id for job in jobs] == [after] != [job_id]


async def test_a_job_exists_when_its_transaction_commits_and_not_before(settings):
    async def done(_payload):
        return None

    async with working(settings, {"done": done}) as work:
        async with work.sql.transaction():
            job_id = await work.sql.fetchval("select duly.enqueue('done')")
            # Made later, and done: whoever looked for jobs has looked past the first one.
            await work.ends(await work.enqueue("done"))
            seen_inside = await work.client.list(JobFilters())
        job = await work.ends(job_id)

    assert job_id not in {one.id for one in seen_inside}
    assert job.status is JobStatus.DONE


async def test_a_held_unique_key_answers_the_live_job_in_sql_too(connection):
    first = await connection.fetchval("select duly.enqueue('report', unique_key => 'a')")

    second = await connection.fetchval("select duly.enqueue('report', unique_key => 'a')")

    assert second == first
    assert await connection.fetchval("select count(*) from duly.job") == 1


@pytest.mark.parametrize(
    "call",
    [
        "duly.enqueue('')",
        "duly.enqueue(null)",
        "duly.enqueue('x', queue => '')",
        "duly.enqueue('x', max_attempts => 0)",
        "duly.enqueue('x', max_attempts => 101)",
        "duly.enqueue('x', run_at => 'infinity')",
        "duly.enqueue('x', run_at => '1999-01-01+00')",
    ],
)
async def test_a_job_that_could_never_be_run_is_refused_in_sql(connection, call):
    with pytest.raises(asyncpg.IntegrityConstraintViolationError):
        await connection.fetchval(f"select {call}")

    assert await connection.fetchval("select count(*) from duly.job") == 0

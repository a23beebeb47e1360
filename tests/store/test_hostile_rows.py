"""Rows that jsonb stores and Python cannot read: each costs its own job and no other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from working import working

from duly.jobs.filters import JobFilters
from duly.jobs.status import JobStatus

DONE, FAILED = JobStatus.DONE, JobStatus.FAILED
EITHER = None  # how deep Python reads differs between its versions

HOSTILE = {
    "nested 5,000 deep": ("repeat('[', 5000) || repeat(']', 5000)", EITHER),
    "objects 2,000 deep": ("""repeat('{"a":', 2000) || '1' || repeat('}', 2000)""", EITHER),
    "a number of 4,401 digits": ("repeat('9', 4401)", FAILED),
    "a number inside of 4,401 digits": ("""'{"n": 1e4400}'""", FAILED),
    "a fraction of 4,401 digits": ("'0.' || repeat('7', 4401)", DONE),
    "a large number": ("'1e300'", DONE),
    "a million numbers": (
        "'[' || (select string_agg(n::text, ',') from generate_series(1, 1000000) n) || ']'", DONE,
    ),
    "a long text": ("""'"' || repeat('é', 2000000) || '"'""", DONE),
    "ten thousand keys": (
        "(select jsonb_object_agg(n, 0) from generate_series(1, 10000) n)",
        DONE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_hostile_payload_costs_only_its_own_job(settings, hostile):
    payload, expected = HOSTILE[hostile]

    async def read(_payload: Any):
        return None

    roomy = replace(settings, slots=30)
    async with working(roomy, {"read": read}, worker=False) as prepared:
        ids = await _insert(prepared.sql, payload)
    async with working(roomy, {"read": read}) as work:
        ended = [await work.ends(job_id) for job_id in ids]
        listed = await work.client.list(JobFilters(), limit=30)
        shown = [await work.client.get(job_id) for job_id in ids]

    became = ended.pop(10)
    assert [job.status for job in ended] == [DONE] * 20
    assert became.status in ([DONE, FAILED] if expected is EITHER else [expected])
    assert became.attempts == 1
    assert {job.id for job in listed} == set(ids)
    assert [job.id for job in shown] == ids
    if became.status is FAILED:
        assert became.last_error.startswith("$.payload")


async def test_a_large_number_reaches_a_handler_that_asks_for_a_float(settings):
    async def halve(payload: float):
        return payload / 2

    async with working(settings, {"halve": halve}) as work:
        fits = await work.ends(await work.sql.fetchval("select duly.enqueue('halve', '1e300')"))
        exceeds = await work.ends(await work.sql.fetchval("select duly.enqueue('halve', '1e4400')"))

    assert (fits.status, float(bytes(fits.result))) == (DONE, 5e299)
    assert exceeds.status is FAILED


async def test_a_job_type_of_any_letters_fails_as_unknown(settings):
    types = ["%s {0} {job_type}", "'; drop table duly.job; --", "😀" * 200, "\ufffe\u202e\n"]

    async with working(settings, {}) as work:
        ids = [await work.sql.fetchval("select duly.enqueue($1)", name) for name in types]
        ended = [await work.ends(job_id) for job_id in ids]

    assert [job.job_type for job in ended] == types
    assert all(job.status is FAILED for job in ended)
    assert all("No handler is registered" in job.last_error for job in ended)


async def _insert(sql, payload):
    """Ten jobs, the hostile one, and ten more, which one claim takes together."""
    async with sql.transaction():
        before = await sql.fetch("select duly.enqueue('read') from generate_series(1, 10)")
        (hostile,) = await sql.fetch(f"select duly.enqueue('read', ({payload})::jsonb)")
        after = await sql.fetch("select duly.enqueue('read') from generate_series(1, 10)")
    return [row[0] for row in [*before, hostile, *after]]

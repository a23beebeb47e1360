"""How PostgreSQL does the hot statements over 20,000 jobs: by an index, never by reading all.

Each is asked for twice: the plan for these values, and the one plan for all values that a
connection keeps after a few calls.
"""

from __future__ import annotations

import asyncio
import json
import re
from uuid import UUID

import asyncpg
import pytest

from duly.postgres.pool import SESSION
from duly.store.statements import statement

from .large_database import fill

READ_WHOLE = re.compile(
    r"(job|attempt|event|log)_(\d{8}|default)$|ready$|scheduled$|running$|unique_key$|progress$"
)
NEWEST = UUID(int=(1 << 128) - 1)
OLDEST = UUID(int=0)
PAGE = {
    "before": NEWEST,
    "since": OLDEST,
    "job_type": None,
    "queue": None,
    "tag": None,
    "most": 50,
}
FEW_OF_MANY = {**PAGE, "job_type": "email", "queue": "mail"}


@pytest.fixture(scope="module")
def large_database(postgres):
    with postgres.database() as url:
        asyncio.run(fill(url))
        yield url


@pytest.fixture(params=["force_generic_plan", "force_custom_plan"])
async def planner(large_database, request):
    connection = await asyncpg.connect(large_database, server_settings=SESSION)
    await connection.execute(f"set plan_cache_mode to {request.param}")
    yield Planner(connection)
    await connection.close()


class Planner:
    """Asks for plans."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def plan(self, name: str, values: dict[str, object]) -> list[dict[str, object]]:
        """The nodes of the plan of a statement with these values."""
        query = statement(name)
        await self.connection.execute(f"prepare asked as {query.text}")
        arguments = ", ".join(_literal(value) for value in query.arguments(values))
        execute = f"execute asked ({arguments})" if arguments else "execute asked"
        answer = await self.connection.fetchval(f"explain (format json) {execute}")
        return list(_nodes(json.loads(answer)[0]["Plan"]))

    async def ticks(self, *numbers: int) -> dict[str, list[object]]:
        text = "select tick, made_at from duly.event_tick where tick = any($1) order by tick"
        rows = await self.connection.fetch(text, numbers)
        return {
            "ticks": [row["tick"] for row in rows],
            "made_ats": [row["made_at"] for row in rows],
        }

    async def ids(self, text: str) -> list[UUID]:
        return [row[0] for row in await self.connection.fetch(text)]


def _literal(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return str(value).lower()
    if isinstance(value, list):
        items = ", ".join("null" if item is None else str(item) for item in value)
        return f"'{{{items}}}'"
    return f"'{value}'"


def _nodes(node):
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def read_whole(nodes) -> list[str]:
    """The tables that the plan reads from end to end."""
    return [
        node["Relation Name"]
        for node in nodes
        if node["Node Type"] == "Seq Scan" and READ_WHOLE.search(node["Relation Name"])
    ]


def indexes(nodes) -> str:
    return " ".join(sorted({node["Index Name"] for node in nodes if "Index Name" in node}))


@pytest.mark.parametrize("left_types", [None, ["unheard-of"]])
async def test_a_claim_walks_its_lane_and_looks_each_job_up(planner, left_types):
    values = {"queue": "default", "priority": 0, "cursor": -1, "most": 50, "worker": 1}
    values["left_types"] = left_types

    nodes = await planner.plan("jobs/claim", values)

    assert read_whole(nodes) == []
    assert "ready_lane" in indexes(nodes)
    assert re.search(r"job_\d{8}_pkey", indexes(nodes))


async def test_settling_finds_each_job_by_its_id(planner):
    rows = await planner.connection.fetch("select job_id, lease from duly.running limit 50")
    count = len(rows)
    values = {
        "job_ids": [row["job_id"] for row in rows],
        "leases": [row["lease"] for row in rows],
        "outcomes": ["complete"] * count,
        "statuses": ["done"] * count,
        "delays": [None] * count,
        "errors": [None] * count,
        "results": ["1"] * count,
        "unique_keys": ["report-1"] * count,
        "kept": [True] * count,
    }

    nodes = await planner.plan("attempts/settle", values)

    assert count == 50
    assert read_whole(nodes) == []
    assert re.search(r"job_\d{8}_pkey", indexes(nodes))
    assert "unique_key_pkey" in indexes(nodes)


async def test_what_handlers_report_is_written_by_the_ids_of_their_jobs(planner):
    rows = await planner.connection.fetch("select job_id, lease from duly.running limit 50")
    leases = [row["lease"] for row in rows]
    count = len(rows)
    values = {
        "job_ids": [row["job_id"] for row in rows],
        "leases": leases,
        "progresses": ["1"] * count,
        "ages": [0.1] * count,
        "line_leases": leases,
        "ns": [1] * count,
        "line_ages": [0.1] * count,
        "levels": ["info"] * count,
        "messages": ["hello"] * count,
    }

    nodes = await planner.plan("attempts/report", values)

    assert count == 50
    assert read_whole(nodes) == []
    assert indexes(nodes) == "running_pkey"


async def test_the_lines_of_a_log_are_read_on_from_an_index(planner):
    (job_id,) = await planner.ids("select job_id from duly.log limit 1")
    values = {"job_id": job_id, "lease": 5, "n": 2, "attempt": None, "most": 100}

    nodes = await planner.plan("attempts/logs", values)

    assert read_whole(nodes) == []
    assert re.search(r"log_\d{8}_pkey", indexes(nodes))


async def test_promoting_takes_the_earliest_first(planner):
    nodes = await planner.plan("jobs/promote", {"most": 1_000})

    assert read_whole(nodes) == []
    assert "scheduled_due" in indexes(nodes)


async def test_the_next_due_job_is_at_the_end_of_an_index(planner):
    nodes = await planner.plan("jobs/next_due", {})

    assert read_whole(nodes) == []
    assert indexes(nodes) == "scheduled_due"


@pytest.mark.parametrize("queues", [None, ["mail"], ["mail", "reports"]])
async def test_the_lanes_are_found_by_one_descent_each(planner, queues):
    nodes = await planner.plan("jobs/lanes", {"queues": queues})

    assert read_whole(nodes) == []
    assert indexes(nodes) == "ready_lane"


@pytest.mark.parametrize("count", [1, 50, 1_000])
async def test_jobs_are_got_by_their_ids(planner, count):
    ids = await planner.ids(f"select id from duly.job order by id desc limit {count}")

    nodes = await planner.plan("jobs/get", {"job_ids": ids})

    assert read_whole(nodes) == []
    assert re.search(r"job_\d{8}_pkey", indexes(nodes))
    assert re.search(r"attempt_\d{8}_pkey", indexes(nodes))
    assert "progress_pkey" in indexes(nodes)


@pytest.mark.parametrize("page", [PAGE, FEW_OF_MANY], ids=["all", "filtered"])
@pytest.mark.parametrize(
    ("name", "index"),
    [
        ("jobs/list_all", r"\bjob_\d{8}_pkey"),
        ("jobs/list_pending", r"ready_pkey.*scheduled_pkey"),
        ("jobs/list_processing", r"\bjob_\d{8}_pkey"),
        ("jobs/list_done", r"attempt_\d{8}_pkey"),
    ],
)
async def test_a_page_of_a_list_is_read_backwards_from_an_index(planner, name, index, page):
    nodes = await planner.plan(name, page)

    assert read_whole(nodes) == []
    assert re.search(index, indexes(nodes))
    assert not sorts_to_choose(nodes)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_failed_jobs_have_an_index_of_their_own(planner, status):
    nodes = await planner.plan("jobs/list_failed", {**PAGE, "status": status})

    assert read_whole(nodes) == []
    assert re.search(r"attempt_\d{8}_job_id_idx", indexes(nodes))
    assert not sorts_to_choose(nodes)


async def test_a_tick_reads_only_what_came_since_the_last_one(planner):
    nodes = await planner.plan("events/tick", {})

    assert read_whole(nodes) == []
    assert re.search(r"event_\d{8}_xid_idx", indexes(nodes))


async def test_the_events_of_a_tick_are_read_by_their_transactions(planner):
    nodes = await planner.plan("events/read", {**(await planner.ticks(15, 16)), "after": 0})

    assert read_whole(nodes) == []
    assert re.search(r"event_\d{8}_xid_idx", indexes(nodes))


async def test_a_position_is_found_by_an_index(planner):
    ticks = await planner.ticks(15)
    known = {"tick": ticks["ticks"][0], "made_at": ticks["made_ats"][0]}
    nodes = await planner.plan("events/ticks_at", {**known, "position": 15, "most": 10})

    assert read_whole(nodes) == []
    assert "event_tick_base" in indexes(nodes)


@pytest.mark.parametrize("name", ["jobs/cancel_pending", "jobs/cancel_running"])
async def test_a_job_is_cancelled_by_its_id(planner, name):
    (job_id,) = await planner.ids("select job_id from duly.ready limit 1")

    nodes = await planner.plan(name, {"job_id": job_id})

    assert read_whole(nodes) == []
    assert "running_pkey" in indexes(nodes) or "ready_pkey" in indexes(nodes)


@pytest.mark.parametrize("count", [1, 50, 1_000])
async def test_many_jobs_are_cancelled_by_their_ids(planner, count):
    ids = await planner.ids(f"select job_id from duly.ready limit {count}")

    nodes = await planner.plan(
        "jobs/cancel_many", {"job_ids": ids, "statuses": ["pending", "processing"]}
    )

    assert len(ids) == count
    assert read_whole(nodes) == []
    for index in ("ready_pkey", "scheduled_pkey", "running_pkey", "unique_key_pkey"):
        assert index in indexes(nodes)


@pytest.mark.parametrize("count", [1, 50, 1_000])
async def test_many_jobs_are_retried_by_their_ids(planner, count):
    ids = await planner.ids(f"select distinct job_id from duly.attempt limit {count}")

    nodes = await planner.plan("jobs/retry_many", {"job_ids": ids, "statuses": ["failed"]})

    assert len(ids) == count
    assert read_whole(nodes) == []
    assert re.search(r"attempt_\d{8}_pkey", indexes(nodes))
    assert re.search(r"job_\d{8}_pkey", indexes(nodes))


async def test_the_failed_jobs_that_are_meant_are_found_by_an_index(planner):
    values = {**PAGE, "status": "failed"}
    del values["most"]

    nodes = await planner.plan("jobs/match_failed", values)

    assert read_whole(nodes) == []
    assert re.search(r"attempt_\d{8}_job_id_idx", indexes(nodes))


async def test_the_live_jobs_that_are_meant_are_each_looked_up(planner):
    values = {**PAGE, "status": None}
    del values["most"]

    nodes = await planner.plan("jobs/match_live", values)

    assert [table for table in read_whole(nodes) if table.startswith("job")] == []
    assert re.search(r"job_\d{8}_pkey", indexes(nodes))


async def test_the_attempts_at_a_job_are_found_by_its_id(planner):
    (job_id,) = await planner.ids("select job_id from duly.attempt limit 1")

    nodes = await planner.plan("attempts/list", {"job_id": job_id})

    assert read_whole(nodes) == []
    assert re.search(r"attempt_\d{8}_pkey", indexes(nodes))


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("jobs/list_all", {}),
        ("jobs/list_pending", {}),
        ("jobs/list_processing", {}),
        ("jobs/list_done", {}),
        ("jobs/list_failed", {"status": "failed"}),
        ("jobs/list_failed", {"status": "cancelled"}),
    ],
)
async def test_a_page_of_fifty_among_twenty_thousand_touches_few_blocks(planner, name, more):
    query = statement(name)
    values = {**PAGE, **more}
    await planner.connection.execute(f"prepare asked as {query.text}")
    arguments = ", ".join(_literal(value) for value in query.arguments(values))

    answer = await planner.connection.fetchval(
        f"explain (analyze, buffers, format json) execute asked ({arguments})"
    )

    whole = json.loads(answer)[0]["Plan"]
    assert whole["Actual Rows"] == 50
    assert whole["Shared Hit Blocks"] + whole["Shared Read Blocks"] < 100 * 50


def sorts_to_choose(nodes) -> bool:
    """Whether the page is chosen by a sort of all that match; the jobs shown may be sorted."""
    (page,) = [node for node in nodes if node.get("Subplan Name") == "CTE page"]
    return any(node["Node Type"] == "Sort" for node in _nodes(page))

"""What the event stream costs and how late it is, on this machine.

Drains the same jobs with and without events in turn, measures the WAL of a change, the delay from
commit to listener at rest and under load, and the tick's statements with millions of events kept.
Prints one JSON document. Part of `make bench`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import uvloop
from engine import drain, registry

from duly.config import Secret, Settings
from duly.events.event import EventFilters
from duly.jobs.submission import Submission
from duly.postgres.embedded import EmbeddedPostgres
from duly.store import attempts, house, jobs, statements, stream
from duly.wiring import open_engine

TOLD = re.compile(r"(told as \(\s*)insert into duly\.event \([^)]*\)")
RETAINED = """
insert into duly.event (xid, at, change, status, n, job_ids, attempts)
select
  ((pg_current_xact_id()::text::bigint - 1 - n / 3) % 1000000000)::text::xid8, duly.now(),
  'complete', 'done', 1, array[gen_random_uuid()], array[1::smallint]
from generate_series(1, $1::bigint) as n
"""


@asynccontextmanager
async def no_events(settings: Settings) -> AsyncGenerator[None]:
    """For a while the statements do everything but tell of it."""

    def quiet(name: str) -> statements.Statement:
        loud = statements.statement(name)
        return replace(loud, text=TOLD.sub(r"\1", loud.text))

    dsn = settings.database_url.reveal()
    schema = (Path(statements.__file__).parent / "schema.sql").read_text()
    start = schema.index("create function duly.enqueue_many(")
    function = schema[start : schema.index("\n$$;", start) + 4]
    function = function.replace("create function", "create or replace function", 1)
    changed = [attempts, house, jobs, stream]
    for module in changed:
        module.statement = quiet
    connection = await asyncpg.connect(dsn)
    await connection.execute(TOLD.sub(r"\1", function))
    try:
        yield
    finally:
        for module in changed:
            module.statement = statements.statement
        await connection.execute(function)
        await connection.close()


async def cost(settings: Settings, count: int, repeats: int) -> dict[str, float]:
    """Drain with and without events in turn; the medians, and what a change costs."""
    loud, quiet = [], []
    for _ in range(repeats):
        loud.append(await drain(settings, count))
        async with no_events(settings):
            quiet.append(await drain(settings, count))

    def median(runs: list[dict[str, float]], key: str) -> float:
        return statistics.median(run[key] for run in runs)

    drained = median(loud, "drained_per_second") / median(quiet, "drained_per_second")
    wal = [
        (median(loud, key) - median(quiet, key)) / changes
        for key, changes in (("enqueue_wal_bytes_per_job", 1), ("drain_wal_bytes_per_job", 2))
    ]
    return {
        "drained_per_second": round(median(loud, "drained_per_second")),
        "drained_per_second_without_events": round(median(quiet, "drained_per_second")),
        "throughput_cost_percent": round(100 * (1 - drained), 1),
        "wal_bytes_per_change_enqueued": round(wal[0], 1),
        "wal_bytes_per_change_claimed_or_done": round(wal[1], 1),
    }


async def delays(engine, connection, count: int, pause: float) -> list[float]:
    """Milliseconds from the commit of a change to a listener that waits for it, each time."""
    found: list[float] = []
    filters = EventFilters(tag="measured")
    async with engine.feed.follow(filters) as subscription:
        for _ in range(count):
            await connection.execute(
                "select duly.enqueue('kept', run_at => now() + '1 day', tags => '{measured}')"
            )
            committed = time.monotonic()
            while await subscription.next(10.0) is None:
                continue
            found.append((time.monotonic() - committed) * 1_000)
            await asyncio.sleep(pause)
    return sorted(found)


async def lateness(settings: Settings, count: int) -> dict[str, float]:
    """How late changes are at rest, and while the same process drains as many jobs as it can."""
    connection = await asyncpg.connect(settings.database_url.reveal())
    report: dict[str, float] = {}
    async with open_engine(settings, registry(), maintenance=True, feed=True) as engine:
        await asyncio.sleep(1.5)
        at_rest = await delays(engine, connection, 100, 0.03)
        for first in range(0, count, 1_000):
            some = min(1_000, count - first)
            await engine.client.enqueue_many([Submission(job_type="noop", payload="{}")] * some)
        async with open_engine(settings, registry(), worker=True):
            under_load = await delays(engine, connection, 40, 0.01)
    await connection.close()
    for name, found in (("at_rest", at_rest), ("under_load", under_load)):
        report[f"{name}_median_ms"] = round(statistics.median(found), 1)
        report[f"{name}_p99_ms"] = round(found[int(len(found) * 0.99)], 1)
    return report


async def with_history(settings: Settings, events: int) -> dict[str, object]:
    """Plan and time of the tick, and of reading one, with many events kept."""
    connection = await asyncpg.connect(settings.database_url.reveal(), command_timeout=1800)
    await connection.execute("set synchronous_commit to off")
    for _ in range(10):
        await connection.execute(RETAINED, events // 10)
    await connection.execute("analyze duly.event")
    async with open_engine(settings) as engine:
        await engine.store.stream.tick()
        await connection.execute("select duly.enqueue('kept', run_at => now() + '1 day')")
        ticked = await engine.store.stream.tick()
        statement = statements.statement("events/read")
        values = {"ticks": [ticked.tick.tick], "made_ats": [ticked.tick.made_at], "after": 0}
        plan = await connection.fetchval(
            f"explain (analyze, format json) {statement.text}", *statement.arguments(values)
        )
        looks = []
        for _ in range(200):
            start = time.perf_counter()
            await engine.store.stream.tick()
            looks.append((time.perf_counter() - start) * 1_000)
    kept = await connection.fetchval("select sum(n) from duly.event")
    await connection.close()
    return {
        "events_kept": kept,
        "read_of_a_tick_ms": round(json.loads(plan)[0]["Execution Time"], 2),
        "reads_an_index": "event_" in plan and "Seq Scan on event" not in plan,
        "look_that_finds_nothing_ms": round(statistics.median(looks), 2),
    }


async def measure(settings: Settings, options: argparse.Namespace) -> dict[str, object]:
    settings = replace(settings, slots=100)
    return {
        "cost": await cost(settings, options.jobs, options.repeats),
        "delay": await lateness(settings, options.jobs),
        "history": await with_history(settings, options.events),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=30_000)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--binaries", type=Path, help="a folder of PostgreSQL programs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duly-bench-") as home:
        Path(home).chmod(0o711)
        postgres = EmbeddedPostgres(Path(home), binaries=options.binaries, say=lambda _: None)
        settings = Settings(database_url=Secret(postgres.start().reveal()))
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                report = runner.run(measure(settings, options))
            report["postgresql"] = postgres.version
        finally:
            postgres.stop()
    json.dump(report, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()

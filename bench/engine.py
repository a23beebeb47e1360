"""How fast the engine is on this machine, beside what PostgreSQL itself can do in the same run.

Starts a PostgreSQL of its own, a server process and a worker process, and prints one JSON document:
drain rate, submissions over HTTP, pickup latency, WAL per job. Run it with `make bench`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import aiohttp
import asyncpg
import uvloop

from duly.config import Secret, Settings
from duly.handlers.registry import HandlerRegistry
from duly.jobs.submission import Submission
from duly.postgres.embedded import EmbeddedPostgres
from duly.wiring import open_engine, run, serve

STARTED = multiprocessing.get_context("spawn")


def registry(seen=None) -> HandlerRegistry:
    """One handler that does nothing, or notes when it was started."""
    handlers = HandlerRegistry()

    async def noop(payload: object) -> None:
        if seen is not None and payload["n"] >= 0:
            seen.put((payload["n"], time.monotonic()))

    handlers.add("noop", noop)
    return handlers


def server_process(settings: Settings, ready, seen) -> None:
    """The same as `duly serve`, in a process of its own."""
    run(serve(settings, registry(seen), ready=ready.put))


async def plain_commits(dsn: str, seconds: float = 2.0) -> float:
    """What PostgreSQL does alone: durable one-row transactions a second, one connection."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("create table if not exists public.floor (id bigserial, body jsonb)")
    statement = await connection.prepare("insert into public.floor (body) values ($1)")
    count, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        await statement.fetch('{"n": 1}')
        count += 1
    await connection.execute("drop table public.floor")
    await connection.close()
    return count / seconds


async def drain(settings: Settings, jobs: int) -> dict[str, float]:
    """Enqueue many jobs that do nothing, then run a worker until none is left."""
    async with open_engine(settings, registry()) as engine:
        database = engine.store.database
        start, wal = time.monotonic(), await wal_position(database)
        for first in range(0, jobs, 1_000):
            some = min(1_000, jobs - first)
            await engine.client.enqueue_many(
                [Submission(job_type="noop", payload='{"n": 1}')] * some
            )
        enqueued, enqueue_wal = time.monotonic() - start, await wal_position(database) - wal
    async with open_engine(settings, registry(), maintenance=True) as engine:
        database = engine.store.database
        wal, start = await wal_position(database), time.monotonic()
        async with open_engine(settings, registry(), worker=True):
            while await database.fetch("select from duly.ready limit 1") or await database.fetch(
                "select from duly.running limit 1"
            ):
                await asyncio.sleep(0.02)
            drained = time.monotonic() - start
        drain_wal = await wal_position(database) - wal
    return {
        "enqueued_per_second": jobs / enqueued,
        "drained_per_second": jobs / drained,
        "enqueue_wal_bytes_per_job": enqueue_wal / jobs,
        "drain_wal_bytes_per_job": drain_wal / jobs,
    }


async def wal_position(database) -> int:
    rows = await database.fetch("select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') as at")
    return int(rows[0]["at"])


async def over_http(url: str, seen, *, clients: int, seconds: float) -> dict[str, float]:
    """Submissions a second over HTTP, then the pickup latency of an idle worker."""
    async with aiohttp.ClientSession(url) as session:

        async def post(number: int) -> float:
            body = {"job_type": "noop", "payload": {"n": number}}
            async with session.post("/jobs", json=body) as answer:
                await answer.read()
                if answer.status != 201:
                    raise RuntimeError(f"POST /jobs answered {answer.status}")
            return time.monotonic()

        count, end = 0, time.monotonic() + seconds

        async def client() -> None:
            nonlocal count
            while time.monotonic() < end:
                await post(-1)
                count += 1

        await asyncio.gather(*(client() for _ in range(clients)))
        while await unfinished(session):
            await asyncio.sleep(0.05)
        pickups: list[float] = []
        for number in range(300):
            answered = await post(number)
            _, began = await asyncio.to_thread(seen.get)
            pickups.append((began - answered) * 1_000)
            await asyncio.sleep(0.01)
    pickups.sort()
    return {
        "posts_per_second": count / seconds,
        "pickup_median_ms": statistics.median(pickups),
        "pickup_p99_ms": pickups[int(len(pickups) * 0.99)],
    }


async def measure(settings: Settings, jobs: int, repeats: int) -> dict[str, object]:
    dsn = settings.database_url.reveal()
    floors, figures = [], {10: [], 100: []}
    for _ in range(repeats):
        floors.append(await plain_commits(dsn))
        for slots, results in figures.items():
            results.append(await drain(replace(settings, slots=slots), jobs))
    ready, seen = STARTED.Queue(), STARTED.Queue()
    process = STARTED.Process(target=server_process, args=(replace(settings, port=0), ready, seen))
    process.start()
    try:
        url = await asyncio.to_thread(ready.get, True, 30)
        http = [await over_http(url, seen, clients=32, seconds=3.0) for _ in range(repeats)]
    finally:
        process.terminate()
        process.join(30)
    floor = statistics.median(floors)
    report: dict[str, object] = {"plain_commits_per_second": round(floor)}
    for slots, results in figures.items():
        report[f"slots_{slots}"] = medians(results)
        rate = report[f"slots_{slots}"]["drained_per_second"]
        report[f"slots_{slots}"]["drained_per_plain_commit"] = round(rate / floor, 2)
    report["http"] = medians(http)
    return report


async def unfinished(session: aiohttp.ClientSession) -> bool:
    """Whether any job still waits or is running."""
    for status in ("pending", "processing"):
        async with session.get("/jobs", params={"status": status, "limit": "1"}) as answer:
            if await answer.json():
                return True
    return False


def medians(results: list[dict[str, float]]) -> dict[str, float]:
    return {key: round(statistics.median(one[key] for one in results), 2) for key in results[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=30_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--binaries", type=Path, help="a folder of PostgreSQL programs")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="duly-bench-") as home:
        Path(home).chmod(0o711)
        postgres = EmbeddedPostgres(Path(home), binaries=options.binaries, say=lambda _: None)
        settings = Settings(database_url=Secret(postgres.start().reveal()))
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                report = runner.run(measure(settings, options.jobs, options.repeats))
            report["postgresql"] = postgres.version
        finally:
            postgres.stop()
    json.dump(report, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()

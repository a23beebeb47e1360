"""Worker processes, the ledger they write, and the record in the database."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import asyncpg

PROGRAM = Path(__file__).with_name("program.py")
PATIENCE = 60.0


class Process:
    """One worker process."""

    def __init__(self, folder, number, dsn, **environment):
        self.log = folder / f"worker-{number}.log"
        given = {name: str(value) for name, value in environment.items()}
        with self.log.open("w") as errors:
            self.popen = subprocess.Popen(
                [sys.executable, str(PROGRAM), str(folder / "ledger"), str(folder)],
                env={"PATH": os.environ["PATH"], "DATABASE_URL": dsn, **given},
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    @property
    def pid(self):
        return self.popen.pid

    def wait_until_ready(self):
        ready, _, _ = select.select([self.popen.stdout], [], [], PATIENCE)
        assert ready, self.log.read_text()
        assert self.popen.stdout.readline() == b"ready\n", self.log.read_text()

    def send(self, number):
        self.popen.send_signal(number)

    def wait(self):
        return self.popen.wait(PATIENCE)

    def close(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)
            self.popen.kill()
            self.popen.wait(PATIENCE)
        self.popen.stdout.close()


class Fleet:
    """The worker processes of one test, which share a folder."""

    def __init__(self, folder, dsn):
        self.folder, self.dsn = folder, dsn
        self._processes = []

    def start(self, **environment):
        process = Process(self.folder, len(self._processes), self.dsn, **environment)
        self._processes.append(process)
        process.wait_until_ready()
        return process

    def open_gate(self, name):
        (self.folder / name).touch()

    def ledger(self, event):
        """The lines of one kind, as (job id, lease, pid, time)."""
        file = self.folder / "ledger"
        # The last line may be half written when it is read.
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        split = [line.split(" ") for line in lines if line.startswith(f"{event} ")]
        return [(job, int(lease), int(pid), float(at)) for _, job, lease, pid, at in split]

    def runs(self, event):
        """How often each job has a line of this kind."""
        return Counter(job for job, *_ in self.ledger(event))

    def close(self):
        for process in self._processes:
            process.close()


class Producer:
    """Submits jobs from a connection of its own, so that there is always something to do."""

    def __init__(self, dsn, backlog):
        self.dsn, self.backlog = dsn, backlog
        self.jobs = []
        self.is_over = False

    async def run(self):
        connection = await asyncpg.connect(self.dsn)
        try:
            while not self.is_over:
                if await unfinished(connection) < self.backlog:
                    self.jobs += await enqueue(connection, "quick", self.backlog)
                await asyncio.sleep(0)
        finally:
            await connection.close()


async def until(condition, what, within=PATIENCE):
    """Wait until `await condition()` is true, and answer the seconds that took."""
    started = time.monotonic()
    while time.monotonic() - started < within:
        if await condition():
            return time.monotonic() - started
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {within} s: {what}")


async def statuses(connection):
    """How many jobs there are in each status."""
    rows = await connection.fetch("select status, count(*) as n from duly.jobs group by status")
    return {row["status"]: row["n"] for row in rows}


async def unfinished(connection):
    return await connection.fetchval(
        "select (select count(*) from duly.ready) + (select count(*) from duly.scheduled)"
        " + (select count(*) from duly.running)"
    )


async def record(connection):
    """How often each job is done by the record, and with which number of attempts."""
    rows = await connection.fetch(
        "select job_id, count(*) as n, max(attempt) as attempt from duly.attempt"
        " where status = 'done' group by job_id"
    )
    return {str(row["job_id"]): (row["n"], row["attempt"]) for row in rows}


async def enqueue(connection, job_type, count, payload="{}"):
    rows = await connection.fetch(
        "select job_id from duly.enqueue_many(array_fill($1::text, array[$2::int]),"
        " array_fill($3::jsonb, array[$2::int]))",
        job_type,
        count,
        payload,
    )
    return [str(row["job_id"]) for row in rows]

"""A worker process for the tests of the promises: its handlers note in a ledger what they do.

Run with the ledger's path and the folder of the gates: a handler that waits goes on when the file
named in its payload exists there.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from pathlib import Path

from duly.config import Settings
from duly.handlers.registry import HandlerRegistry
from duly.wiring import run, work

LEDGER, GATES = Path(sys.argv[1]), Path(sys.argv[2])


def note(event, ctx):
    """One line, in one write, so that the lines of several processes never mix."""
    line = f"{event} {ctx.job_id} {ctx.lease} {os.getpid()} {time.monotonic()}\n"
    file = os.open(LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


async def quick(payload, ctx):
    note("run", ctx)


async def gated(payload, ctx):
    note("start", ctx)
    while not (GATES / payload["gate"]).exists():  # noqa: ASYNC110 - it waits for a file
        await asyncio.sleep(0.02)
    note("end", ctx)


def gated_thread(payload, ctx):
    note("start", ctx)
    while not (GATES / payload["gate"]).exists() and not ctx.should_stop:
        time.sleep(0.02)
    note("end", ctx)


async def blocking(payload, ctx):
    """Blocks the event loop, as no handler should."""
    note("start", ctx)
    while not (GATES / payload["gate"]).exists():
        time.sleep(0.02)  # noqa: ASYNC251 - that is what it is for
    note("end", ctx)


async def stubborn(payload, ctx):
    """Does not let itself be cancelled at first."""
    note("start", ctx)
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        note("end", ctx)
        raise


async def deaf(payload, ctx):
    """Never lets itself be cancelled."""
    note("start", ctx)
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)


def deaf_thread(payload, ctx):
    """Never asks whether it should stop."""
    note("start", ctx)
    while True:
        time.sleep(0.02)


def main():
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    registry = HandlerRegistry()
    for handler in (quick, gated, gated_thread, blocking, stubborn, deaf, deaf_thread):
        registry.add(handler.__name__, handler)
    settings = Settings.from_environment(os.environ)
    return run(work(settings, registry, ready=lambda: print("ready", flush=True)))


if __name__ == "__main__":
    sys.exit(main())

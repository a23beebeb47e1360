"""The handlers of the worker processes under test: they note in a ledger what they do.

A handler that waits goes on when the file named in its payload exists in the folder of the test.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import time
from pathlib import Path

from duly import Duly

FOLDER = Path(os.environ["TEST_FOLDER"])
VERSION = "first"

app = Duly()


def note(event, ctx):
    """One line, in one write, so that the lines of several processes never mix."""
    line = f"{event} {ctx.job_id} {ctx.lease} {os.getpid()} {time.monotonic()}\n"
    file = os.open(FOLDER / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


def is_open(payload):
    return (FOLDER / payload["gate"]).exists()


@app.handler("quick")
async def quick(payload, ctx):
    note("run", ctx)
    return VERSION


@app.handler("gated")
async def gated(payload, ctx):
    note("start", ctx)
    while not is_open(payload):  # noqa: ASYNC110 - it waits for a file
        await asyncio.sleep(0.02)
    note("end", ctx)


@app.handler("blocking")
async def blocking(payload, ctx):
    """Blocks the event loop, as no handler should."""
    note("start", ctx)
    while not is_open(payload):
        time.sleep(0.02)  # noqa: ASYNC251 - that is what it is for
    note("end", ctx)


@app.handler("holding")
async def holding(payload, ctx):
    """Holds the interpreter in C: no thread of the process runs meanwhile."""
    note("start", ctx)
    ctypes.PyDLL(None).sleep(payload["seconds"])
    note("end", ctx)


@app.handler("leaving")
async def leaving(payload, ctx):
    """Ends its process without a word."""
    note("start", ctx)
    os._exit(payload["code"])


@app.handler("poison")
async def poison(payload, ctx):
    """Takes its process down with whatever else runs in it."""
    note("start", ctx)
    await asyncio.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)


@app.handler("short")
async def short(payload, ctx):
    note("run", ctx)
    await asyncio.sleep(0.1)


@app.handler("hungry")
async def hungry(payload, ctx):
    """Takes memory and does not give it back."""
    note("run", ctx)
    KEPT.append(bytearray(b"x" * 1_048_576 * payload["mib"]))


KEPT = []

"""Handlers as functions: the payload is a type of yours, the return value is the job's result."""

from __future__ import annotations

import msgspec

from duly import Context, Discard, Duly

app = Duly()


class Greeting(msgspec.Struct):
    """What a job of type `greet` is given; a payload that does not fit fails the job."""

    name: str
    language: str = "en"


@app.handler("greet")
async def greet(payload: Greeting) -> dict[str, str]:
    words = {"en": "Hello", "de": "Hallo", "fr": "Bonjour"}
    if payload.language not in words:
        raise Discard(f"nobody here speaks {payload.language}")  # no use trying again
    return {"text": f"{words[payload.language]} {payload.name}"}


@app.handler("greet.shy", max_attempts=5)
def greet_shyly(payload: Greeting, ctx: Context) -> dict[str, str]:
    """A plain function runs in a thread. What it raises fails the attempt, not yet the job."""
    if ctx.attempt < 2:
        raise RuntimeError("too shy at the first attempt")
    return {"text": f"hello {payload.name} …"}

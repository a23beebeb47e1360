"""Submitting from Python: durable when `enqueue` returns, done by whichever worker is free."""

from __future__ import annotations

import asyncio
import sys

from greetings import Greeting, app


async def main(name: str) -> None:
    async with app:
        now = await app.enqueue("greet", Greeting(name=name), unique_key=f"greet {name}")
        later = await app.enqueue("greet", Greeting(name=name, language="fr"), delay=3600)
    print(now.id, now.status)
    print(later.id, "not before", later.scheduled_at.isoformat())


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "you"))

"""Runs a coroutine to its end from code that is not asynchronous, beside any loop there may be."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Result = TypeVar("Result")


def run_apart(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, done in a thread and on a loop of its own.

    So it does not matter which loops pytest's plugins keep, and none of theirs is touched.
    """
    context = contextvars.copy_context()
    with ThreadPoolExecutor(1, thread_name_prefix="duly-testing") as threads:
        return threads.submit(context.run, asyncio.run, work).result()

"""Whether the server lives and can work, for probes, which have no token; and what it counted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from starlette.responses import Response

from ..answer import Answer, json_answer
from ..operation import Operation
from ..request import JSON_TYPE, Request

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5
METRICS_TYPE = "text/plain"


class Health(msgspec.Struct, frozen=True):
    """`status` is "alive", "ready" or "not ready"; `reasons` say what is missing."""

    status: str
    reasons: list[str] = []


class HealthRoutes:
    """Answers probes. `reasons_not_ready` gives sentences, none when all is well."""

    def __init__(self, reasons_not_ready: Callable[[], Awaitable[list[str]]]) -> None:
        self._reasons_not_ready = reasons_not_ready

    def operations(self) -> list[Operation]:
        """What these routes offer."""
        return [
            Operation(
                method="GET",
                path="/livez",
                answer=self.live,
                summary="Whether the process answers at all.",
                answers={JSON_TYPE: Health},
                open=True,
            ),
            Operation(
                method="GET",
                path="/readyz",
                answer=self.ready,
                summary="Whether jobs are accepted and done; otherwise why not.",
                answers={JSON_TYPE: Health},
                also={503: Health},
                open=True,
            ),
            Operation(
                method="GET",
                path="/metrics",
                answer=self.metrics,
                summary="What this process has counted, for Prometheus.",
                answers={METRICS_TYPE: str},
            ),
        ]

    async def live(self, _request: Request) -> Response:
        """Answer, which is all there is to it."""
        return json_answer(Health("alive"))

    async def ready(self, _request: Request) -> Response:
        """Answer 200, or 503 with the reasons."""
        reasons = await self._reasons()
        if not reasons:
            return json_answer(Health("ready"))
        return json_answer(Health("not ready", reasons), 503, [(b"retry-after", b"1")])

    async def metrics(self, _request: Request) -> Response:
        """Answer the counters of this process."""
        return Answer(generate_latest(), media_type=CONTENT_TYPE_PLAIN_0_0_4.encode())

    async def _reasons(self) -> list[str]:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._reasons_not_ready()
        except TimeoutError:
            return [f"finding out took longer than {ANSWER_SECONDS} seconds"]
        except Exception as error:
            log.exception("finding out whether the server is ready failed")
            return [f"finding out failed ({type(error).__name__}): the log tells more"]

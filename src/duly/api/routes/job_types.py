"""Which job types there are and what their payloads look like: GET /job-types."""

from __future__ import annotations

from starlette.responses import Response

from ...client import Client
from ...handlers.registry import KnownJobType
from ..answer import json_answer
from ..operation import Operation
from ..request import JSON_TYPE, Request


class JobTypeRoutes:
    """Tells what can be submitted."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def operations(self) -> list[Operation]:
        """What these routes offer."""
        return [
            Operation(
                method="GET",
                path="/job-types",
                answer=self.list,
                summary="The job types that this server or a live worker knows, with the JSON"
                " Schema of the payload where it is known here.",
                answers={JSON_TYPE: list[KnownJobType]},
                refusals=(503,),
            )
        ]

    async def list(self, _request: Request) -> Response:
        """Answer all of them, by name."""
        return json_answer(await self._client.job_types())

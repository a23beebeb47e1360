"""Every change of every job as it happens: GET /events, Server-Sent Events.

What happened, and in which order, is told by the feed; here it is put on the wire.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ...config import Settings
from ...errors import RequestRefused
from ...events.event import EventFilters
from ...events.feed import Feed
from ..answer import Answer
from ..event_stream import EVENT_STREAM, HEADERS, EventStream, OpenStreams
from ..operation import Operation
from ..query import POSITION, EventQuery, read_query
from ..request import Request

LAST_EVENT_ID = "last-event-id"

# Some clients send the header without a value until they have seen an event.
LastEventId = Annotated[str, Meta(pattern=POSITION.replace("(", "(|", 1))]


class EventRoutes:
    """Connects clients to the feed. `streams` knows those that are connected."""

    def __init__(self, feed: Feed, settings: Settings, streams: OpenStreams) -> None:
        self._feed = feed
        self._keep_alive = settings.keep_alive
        self._streams = streams

    def operations(self) -> list[Operation]:
        """What these routes offer."""
        return [
            Operation(
                method="GET",
                path="/events",
                answer=self.follow,
                summary="Follow the changes of jobs as Server-Sent Events: `job` events with one"
                " line of JSON, and `reset` when what came after the given position is not kept.",
                query=EventQuery,
                request_headers={"Last-Event-ID": LastEventId},
                answers={EVENT_STREAM.decode(): str},
                refusals=(422, 503),
            )
        ]

    async def follow(self, request: Request) -> Response:
        """Answer a stream that lasts until the client leaves or the server stops."""
        query = read_query(request, EventQuery)
        after = _last_event_id(request) or query.after
        if request.method == "HEAD":
            return Answer(b"", media_type=EVENT_STREAM, safety=HEADERS)
        filters = EventFilters(
            job_id=query.job_id,
            status=query.status,
            job_type=query.job_type,
            queue=query.queue,
            tag=query.tag,
        )
        subscription = await self._feed.follow(filters, after=after).__aenter__()
        return EventStream(subscription, self._keep_alive, self._streams)


def _last_event_id(request: Request) -> str | None:
    """Where a client that comes back was: newer than what its address says."""
    position = request.header(LAST_EVENT_ID.encode())
    try:
        return msgspec.convert(position or "", LastEventId) or None
    except msgspec.ValidationError:
        reason = 'is no position: send back the "id" of an event as it was'
        raise RequestRefused(path=LAST_EVENT_ID, reason=reason) from None

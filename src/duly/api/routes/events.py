"""Every change of every job as it happens: GET /events, as a stream or as pages.

What happened, and in which order, is told by the feed; here it is put on the wire.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ...config import Settings
from ...errors import RequestRefused, Unavailable
from ...events.event import LOG, PROGRESS, Event, EventFilters
from ...events.feed import Feed
from ...events.subscription import Subscription
from ..answer import Answer, json_answer
from ..operation import Operation
from ..query import POSITION, EventQuery, read_query
from ..request import Request
from ..streaming.change import EventPage, ListedChange, listed
from ..streaming.connection import abort_of
from ..streaming.seats import Seats
from ..streaming.stream import EVENT_STREAM, HEADERS, EventStream

LAST_EVENT_ID = "last-event-id"
PAGE_SIZE = 100
# An EventSource comes back after the end of a stream, but never after any answer except 200.
COME_BACK = b": the database is away\nretry: 2000\n\n"

# Some clients send the header without a value until they have seen an event.
LastEventId = Annotated[str, Meta(pattern=POSITION.replace("(", "(|", 1))]


class EventRoutes:
    """Connects clients to the feed. `seats` knows those that are connected."""

    def __init__(self, feed: Feed, settings: Settings, seats: Seats) -> None:
        self._feed = feed
        self._keep_alive = settings.keep_alive
        self._seats = seats

    def operations(self) -> list[Operation]:
        """What these routes offer."""
        return [
            Operation(
                method="GET",
                path="/events",
                answer=self.answer,
                summary="Follow the changes of jobs as Server-Sent Events: `job` events with one"
                " line of JSON, `progress` and `log` events where included, and `reset` when what"
                " came after the given position is not kept. With `format=json`: one page of them.",
                query=EventQuery,
                request_headers={"Last-Event-ID": LastEventId},
                answers={EVENT_STREAM.decode(): str, "application/json": EventPage},
                refusals=(422, 429, 503),
            )
        ]

    async def answer(self, request: Request) -> Response:
        """Answer a page, or a stream that lasts until the client leaves or the server stops."""
        query = read_query(request, EventQuery)
        after = _last_event_id(request) or query.after
        if query.format == "json":
            return await self._page(query, after)
        if query.limit is not None:
            raise RequestRefused(path="?limit", reason="a stream has no limit: ask for format=json")
        if request.method == "HEAD":
            return Answer(b"", media_type=EVENT_STREAM, safety=HEADERS)
        return await self._stream(request, query, after)

    async def _stream(self, request: Request, query: EventQuery, after: str | None) -> Response:
        client = request.scope.get("client")
        seat = self._seats.take(client[0] if client else "", abort_of(request.scope))
        try:
            subscription = await self._feed.follow(_filters(query), after=after).__aenter__()
        except BaseException as error:
            self._seats.leave(seat)
            if isinstance(error, Unavailable) and b"text/event-stream" in _accepted(request):
                return Answer(COME_BACK, media_type=EVENT_STREAM, safety=HEADERS)
            raise
        return EventStream(subscription, self._keep_alive, self._seats, seat)

    async def _page(self, query: EventQuery, after: str | None) -> Response:
        limit = query.limit or PAGE_SIZE
        async with self._feed.follow(_filters(query), after=after) as subscription:
            return json_answer(await _read_page(subscription, limit))


async def _read_page(subscription: Subscription, limit: int) -> EventPage:
    """At most `limit` events that are there already; fewer when looking for them takes long."""
    events: list[ListedChange] = []
    reset = None
    position = subscription.position
    while len(events) < limit and (event := await subscription.next(0)) is not None:
        if isinstance(event, Event):
            events.append(listed(event))
        elif events:  # the next page begins with it
            return EventPage(events=events, next=position, more=True)
        else:
            reset = event
        position = subscription.position
    return EventPage(
        events=events, next=subscription.position, more=subscription.is_behind, reset=reset
    )


def _filters(query: EventQuery) -> EventFilters:
    include = (query.include or "").split(",")
    return EventFilters(
        job_id=query.job_id,
        status=query.status,
        job_type=query.job_type,
        queue=query.queue,
        tag=query.tag,
        progress=PROGRESS in include,
        log=LOG in include,
    )


def _accepted(request: Request) -> bytes:
    return b",".join(request.headers(b"accept"))


def _last_event_id(request: Request) -> str | None:
    """Where a client that comes back was: newer than what its address says."""
    position = request.header(LAST_EVENT_ID.encode())
    try:
        return msgspec.convert(position or "", LastEventId) or None
    except msgspec.ValidationError:
        reason = 'is no position: send back the "id" of an event as it was'
        raise RequestRefused(path=LAST_EVENT_ID, reason=reason) from None

"""The HTTP server's application: every route, behind its guard."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import Route

from ..client import Client
from ..config import Settings
from ..events.feed import Feed
from .auth import Guard
from .endpoint import Endpoint, answer_unknown_route
from .openapi import describe
from .operation import Operation
from .problems import MethodNotAllowed, RouteNotFound, answer_to
from .routes.bulk import BulkRoutes
from .routes.documentation import DocumentationRoutes
from .routes.events import EventRoutes
from .routes.health import HealthRoutes
from .routes.job_types import JobTypeRoutes
from .routes.jobs import JobRoutes
from .routes.submissions import SubmissionRoutes
from .streaming.seats import Seats


def create_api(
    client: Client,
    feed: Feed,
    settings: Settings,
    reasons_not_ready: Callable[[], Awaitable[list[str]]],
    job_types: Container[str],
) -> Starlette:
    """The application. Call `app.state.streams.close()` when the server is asked to stop.

    A server waits for its connections before it stops, and an event stream does not end by itself.
    """
    streams = Seats(settings.streams, settings.streams_per_address)
    operations = [
        *SubmissionRoutes(client, settings, job_types).operations(),
        *BulkRoutes(client, settings).operations(),
        *JobRoutes(client, settings).operations(),
        *JobTypeRoutes(client).operations(),
        *EventRoutes(feed, settings, streams).operations(),
        *HealthRoutes(reasons_not_ready).operations(),
    ]
    documentation = DocumentationRoutes(lambda: describe(operations, settings))
    operations.extend(documentation.operations())

    app = Starlette(
        routes=_routes(operations, Guard(settings)),
        exception_handlers={HTTPException: _answer_exception, Exception: _answer_error},
    )
    app.router.redirect_slashes = False
    app.router.default = answer_unknown_route
    app.state.streams = streams
    return app


def _routes(operations: list[Operation], guard: Guard) -> list[Route]:
    """One route for each path; what is spelled out comes before what a path leaves open."""
    by_path: dict[str, list[Operation]] = {}
    for operation in sorted(operations, key=lambda operation: "{" in operation.path):
        by_path.setdefault(operation.path, []).append(operation)
    return [Route(path, Endpoint(together, guard)) for path, together in by_path.items()]


async def _answer_exception(request: StarletteRequest, error: Exception) -> Response:
    """What a mounted application refuses: by its status, in our words."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    path = request.scope["path"]
    if status == MethodNotAllowed.status:
        allowed = "GET, HEAD"
        return answer_to(MethodNotAllowed(method=request.method, allowed=allowed), request)
    if status == RouteNotFound.status:
        return answer_to(RouteNotFound(path=path), request)
    return answer_to(error, f"{request.method} {path!r}")


async def _answer_error(request: StarletteRequest, error: Exception) -> Response:
    return answer_to(error, f"{request.method} {request.scope['path']!r}")

"""One path: which of its methods are answered, by whom, and what becomes of an error."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .answer import Answer
from .auth import Guard
from .operation import Operation
from .problems import ClientGone, MethodNotAllowed, RouteNotFound, answer_to
from .query import Nothing, read_query
from .request import Request


class Endpoint:
    """The ASGI application of one path. Every error ends here, as an answer."""

    def __init__(self, operations: Sequence[Operation], guard: Guard) -> None:
        self.operations = tuple(operations)
        self._guard = guard
        self._is_open = all(operation.open for operation in operations)
        self._by_method = {operation.method: operation for operation in operations}
        if "GET" in self._by_method:
            self._by_method["HEAD"] = self._by_method["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except ClientGone:
            return
        except Exception as error:  # noqa: BLE001 - the last resort: no error leaves without an answer
            response = refuse(error, request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        if not self._is_open:
            self._guard.check(request)
        operation = self._by_method.get(request.method)
        if operation is None:
            allowed = ", ".join(sorted(self._by_method))
            raise MethodNotAllowed(method=request.method, allowed=allowed)
        if request.query_string and operation.query is None and not operation.open:
            read_query(request, Nothing)
        return await operation.answer(request)


def refuse(error: Exception, request: Request) -> Answer:
    """The answer to `error`, which closes the connection when the request was not read whole."""
    answer = answer_to(error, request)
    answer.lingers = request.has_unread_body
    return answer


async def answer_unknown_route(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of every path that no route has."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000})
        return
    request = Request(scope, receive)
    await refuse(RouteNotFound(path=request.scope["path"]), request)(scope, receive, send)

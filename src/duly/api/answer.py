"""A whole answer that is ready to be sent, with the headers that every answer of ours carries."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

JSON = b"application/json"
NO_CONTENT_POLICY = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
LINGER_SECONDS = 2.0
LINGER_BYTES = 67_108_864

SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
DATA_HEADERS = (
    *SAFE_HEADERS,
    (b"cache-control", b"no-store"),
    (b"content-security-policy", NO_CONTENT_POLICY),
)

encode = msgspec.json.Encoder().encode


class Answer(Response):
    """Bytes that are known beforehand. `safety` are the headers that keep browsers in check.

    An answer that `lingers` was made before the request had been read to its end. It is sent, what
    still arrives is thrown away for a moment, then the connection is closed: closing at once would
    reset the connection, and the client would never see why.
    """

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 200,
        media_type: bytes = JSON,
        headers: Sequence[tuple[bytes, bytes]] = (),
        safety: Sequence[tuple[bytes, bytes]] = DATA_HEADERS,
    ) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.lingers = False
        self.raw_headers = [
            (b"content-type", media_type),
            (b"content-length", b"%d" % len(body)),
            *safety,
            *headers,
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*self.raw_headers, (b"connection", b"close")]
        await send(
            {
                "type": "http.response.start",
                "status": self.status_code,
                "headers": headers if self.lingers else self.raw_headers,
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": self.lingers})
        if self.lingers:
            await _throw_away(receive)
            await send({"type": "http.response.body", "body": b"", "more_body": False})


def json_answer(
    value: object, status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()
) -> Answer:
    """`value` as JSON."""
    return Answer(encode(value), status=status, headers=headers)


async def _throw_away(receive: Receive) -> None:
    size = 0
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while size < LINGER_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return

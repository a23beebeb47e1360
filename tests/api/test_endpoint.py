"""One path on its own: every error ends as an answer, whatever the route does."""

from __future__ import annotations

import asyncio
import logging

import msgspec
import pytest

from duly.api import request as requests
from duly.api.answer import json_answer
from duly.api.auth import Guard
from duly.api.endpoint import Endpoint
from duly.api.operation import Operation
from duly.config import Settings

pytestmark = pytest.mark.anyio


class Call:
    """One request to an endpoint without a server: what is received, and what was sent."""

    def __init__(self, answer, *messages, method="POST", headers=()):
        self.sent = []
        self._messages = list(messages)
        self._headers = [(b"host", b"localhost"), *headers]
        self._method = method
        operation = Operation(
            method="POST", path="/", answer=answer, summary="", answers={"application/json": str}
        )
        self._endpoint = Endpoint([operation], Guard(Settings()))

    async def make(self):
        scope = {
            "type": "http",
            "method": self._method,
            "path": "/",
            "headers": self._headers,
            "query_string": b"",
        }
        await self._endpoint(scope, self._receive, self._send)
        return self

    async def _receive(self):
        if not self._messages:
            await asyncio.Event().wait()
        return self._messages.pop(0)

    async def _send(self, message):
        self.sent.append(message)

    @property
    def status(self):
        return self.sent[0]["status"]

    @property
    def body(self):
        return msgspec.json.decode(b"".join(message["body"] for message in self.sent[1:]))


def piece(body, *, more=True):
    return {"type": "http.request", "body": body, "more_body": more}


async def read(request):
    return json_answer((await request.body(10)).decode())


async def test_an_error_that_nobody_foresaw_is_answered_500_and_logged(caplog):
    async def fail(_request):
        raise KeyError("select * from secrets")

    with caplog.at_level(logging.ERROR):
        call = await Call(fail).make()

    assert call.status == 500
    assert "secrets" not in str(call.body)
    assert call.body["instance"].removeprefix("urn:uuid:") in caplog.text
    assert "KeyError" in caplog.text


async def test_pieces_of_a_body_are_put_together():
    call = await Call(read, piece(b"abc"), piece(b""), piece(b"def", more=False)).make()

    assert (call.status, call.body) == (200, "abcdef")


async def test_a_client_that_hangs_up_gets_no_answer():
    call = await Call(read, piece(b"abc"), {"type": "http.disconnect"}).make()

    assert call.sent == []


@pytest.mark.parametrize("sizes", [[11], [10, 1], [5, 5, 5]])
async def test_a_body_is_read_no_further_than_its_limit(sizes):
    chunked = [(b"transfer-encoding", b"chunked")]
    pieces = [piece(b"x" * size) for size in sizes]

    call = await Call(read, *pieces, piece(b"", more=False), headers=chunked).make()

    assert call.status == 413
    assert (b"connection", b"close") in call.sent[0]["headers"]


async def test_a_body_that_does_not_come_is_answered_408(monkeypatch):
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.01)

    call = await Call(read, piece(b"abc")).make()

    assert call.status == 408


async def test_another_method_is_answered_405_with_those_that_there_are():
    call = await Call(read, method="GET").make()

    assert call.status == 405
    assert (b"allow", b"POST") in call.sent[0]["headers"]

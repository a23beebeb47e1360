"""The real server on a real database, in a thread of its own, and a client that only knows HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
import uvloop

from duly.api.app import create_api
from duly.api.streaming.connection import Connection
from duly.wiring import open_engine

PATIENCE = 30.0


@dataclass
class Reply:
    """An answer that was read whole."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class RunningServer:
    """A server that answers on `port`; `settings` are those it was started with."""

    settings: object
    registry: object = None
    worker: bool = False
    port: int = 0
    api: object = None
    _failure: BaseException | None = None
    _loop: asyncio.AbstractEventLoop | None = None
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None
    _started: threading.Event = field(default_factory=threading.Event)

    def start(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._started.wait(PATIENCE), "the server did not start"
        if self._failure is not None:
            raise self._failure

    def stop(self):
        """Ask the server to stop as a signal would, and wait until it has."""
        if self._server is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._ask_to_stop)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the server did not stop"

    def _ask_to_stop(self):
        self.api.state.streams.close()
        self._server.should_exit = True

    def _run(self):
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self._serve())
        except BaseException as error:
            self._failure = error
            raise
        finally:
            self._started.set()

    async def _serve(self):
        self._loop = asyncio.get_running_loop()
        engine_options = {"feed": True, "maintenance": True, "worker": self.worker}
        async with open_engine(self.settings, self.registry, **engine_options) as engine:
            self.api = create_api(
                engine.client,
                engine.feed,
                self.settings,
                engine.reasons_not_ready,
                self.registry if self.registry is not None else (),
            )
            listening = socket.create_server(("127.0.0.1", 0))
            self.port = listening.getsockname()[1]
            config = uvicorn.Config(
                self.api, http=Connection, access_log=False, log_level="warning", lifespan="off"
            )
            self._server = uvicorn.Server(config)
            self._started.set()
            await self._server.serve(sockets=[listening])

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def call(self, method, path, body=None, headers=None):
        """One request on a connection of its own. A body that is no bytes is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes) and not hasattr(body, "__next__"):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            chunked = hasattr(body, "__next__")
            connection.request(method, path, body, headers, encode_chunked=chunked)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def raw(self, text):
        """Send these bytes, and answer all that comes until the server closes."""
        with self.connect() as connection:
            connection.sendall(text)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def connect(self):
        """A connection on which nothing has been said yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def submit(self, **fields):
        """Submit a job, and answer it."""
        reply = self.call("POST", "/jobs", {"job_type": "nobody-does-this", **fields})
        assert reply.status == 201, reply.body
        return reply.json


@dataclass
class ReadEvent:
    """One event as a browser would see it."""

    id: str | None
    event: str | None
    data: dict | None


class EventReader:
    """Reads a stream line by line, with a deadline for each line."""

    def __init__(self, server, path="/events", headers=None):
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        self._connection.request("GET", path, headers=headers or {})
        self.answer = self._connection.getresponse()
        self.status = self.answer.status
        self.headers = self.answer.headers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.answer.close()
        self._connection.close()

    def line(self):
        """The next line without its end; None when the stream has ended."""
        line = self.answer.readline()
        return line.decode().rstrip("\n") if line else None

    def next(self):
        """The next event; comments and the retry are skipped, None is the end."""
        fields = {}
        while (line := self.line()) is not None:
            if line == "":
                if "data" in fields:
                    return ReadEvent(fields.get("id"), fields["event"], json.loads(fields["data"]))
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
        return None

    def until(self, **wanted):
        """The events up to the first whose data holds `wanted`, that one included."""
        seen = []
        while (event := self.next()) is not None:
            seen.append(event)
            if event.data.items() >= wanted.items():
                return seen
        raise AssertionError(f"the stream ended before {wanted} came: {seen}")


@contextmanager
def running(settings, registry=None, *, worker=False):
    """A server for as long as the block lasts."""
    server = RunningServer(settings, registry, worker)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def eventually(condition, message="it did not happen"):
    """What `condition` answers once that is true; fails after a while."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        threading.Event().wait(0.01)
    raise AssertionError(message)

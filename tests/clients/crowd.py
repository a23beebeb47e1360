"""Many clients of the stream at once, on bare sockets: those who read, and those who never do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import resource
import select
import socket

import httptools

REQUEST = b"GET /events HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
EVENT = re.compile(rb"^id: \w+\.(\d+)\nevent: (\w+)\n", re.MULTILINE)
COMMENT = re.compile(rb"^: keep-alive$", re.MULTILINE)


class Client(asyncio.Protocol):
    """One that reads. `positions` are the numbers of the events that it got."""

    def __init__(self):
        self.positions = []
        self.kinds = set()
        self.comments = 0
        self.last_at = 0.0  # when it got its newest event
        self.is_connected = False
        self.was_cut = False
        self._text = bytearray()
        self._answer = httptools.HttpResponseParser(self)
        self._clock = asyncio.get_running_loop().time

    def connection_made(self, transport):
        self._transport = transport
        transport.write(REQUEST)

    def connection_lost(self, _):
        self.was_cut = True

    def data_received(self, data):
        self._answer.feed_data(data)

    def on_body(self, piece):
        self.is_connected = True
        self._text += piece
        end = self._text.rfind(b"\n\n") + 2
        if end == 1:
            return
        whole = bytes(self._text[:end])
        del self._text[:end]
        found = EVENT.findall(whole)
        self.comments += len(COMMENT.findall(whole))
        self.positions += [int(number) for number, _ in found]
        self.kinds.update(kind for _, kind in found)
        if found:
            self.last_at = self._clock()

    def leave(self):
        self._transport.abort()


@contextlib.asynccontextmanager
async def crowd(port, count):
    """So many clients that read, all connected."""
    loop = asyncio.get_running_loop()
    clients = []
    try:
        for _ in range(count):
            _, client = await loop.create_connection(Client, "127.0.0.1", port)
            clients.append(client)
        yield clients
    finally:
        for client in clients:
            client.leave()


@contextlib.contextmanager
def frozen(port, count):
    """So many that ask and then never read: bare sockets, with little room in the system.

    Segments as small as on a network keep the server's system from taking megabytes for each.
    """
    sockets = []
    try:
        for _ in range(count):
            one = socket.socket()
            sockets.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1_400)
            one.connect(("127.0.0.1", port))
            one.sendall(REQUEST)
        yield sockets
    finally:
        for one in sockets:
            one.close()


def cut(sockets, seconds=0):
    """Those of the sockets whose connection the other side has ended, found without reading.

    Waits for the first of them at most so many seconds.
    """
    poll = select.poll()
    for one in sockets:
        poll.register(one, 0)  # errors and hang-ups are told in any case
    return poll.poll(1_000 * seconds)


@contextlib.contextmanager
def room_for_files(count):
    """This process may have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

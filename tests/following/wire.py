"""A way to PostgreSQL on which every statement that goes by is counted."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

EXECUTE, QUERY = b"E", b"Q"


class Wire:
    """Passes everything on, both ways. `statements` have gone to the server so far."""

    def __init__(self, folder, port):
        self.statements = 0
        self._socket = f"{folder}/.s.PGSQL.{port}"
        self._passing = set()

    async def connect(self, reader, writer):
        self._passing.add(asyncio.current_task())
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
        try:
            await asyncio.gather(self._count(reader, server_writer), _pass(server_reader, writer))
        finally:
            writer.close()
            server_writer.close()

    async def close(self):
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)

    async def _count(self, reader, writer):
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            kind = b""  # the first message of a connection has none
            while True:
                size = await reader.readexactly(4)
                rest = await reader.readexactly(struct.unpack("!i", size)[0] - 4)
                self.statements += kind in (EXECUTE, QUERY)
                writer.write(kind + size + rest)
                await writer.drain()
                kind = await reader.readexactly(1)
        writer.close()


async def _pass(reader, writer):
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def wire_to(url):
    """A wire to the server of `url`, which it reaches by a socket in a folder; and its own URL."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    wire = Wire(options["host"][0], options.get("port", ["5432"])[0])
    door = await asyncio.start_server(wire.connect, "127.0.0.1", 0)
    port = door.sockets[0].getsockname()[1]
    user = parts.netloc.rpartition("@")[0]
    try:
        yield wire, f"postgresql://{user}@127.0.0.1:{port}{parts.path}?sslmode=disable"
    finally:
        door.close()
        await wire.close()

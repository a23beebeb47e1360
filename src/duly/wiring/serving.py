"""The two processes that stay up: the server, and the worker alone."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import resource
import socket
from collections.abc import Callable, Coroutine, Generator, Sequence
from typing import Any

import uvicorn
import uvloop

from ..api.app import create_api
from ..api.streaming.connection import Connection
from ..config import Settings
from ..errors import SettingRefused
from ..handlers.registry import HandlerRegistry
from ..supervisor.link import Link
from ..worker.heartbeat import Heartbeat
from .engine import Engine, ignore_engine, open_engine
from .signals import Signals

HTTP_GRACE = 5
OPEN_FILES = (65_536, 10_240)  # macOS promises no end to it, and grants the second

logger = logging.getLogger("duly")


def run(program: Coroutine[Any, Any, int]) -> int:
    """Run a program on a fast event loop; answers its exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(program)


async def serve(
    settings: Settings,
    registry: HandlerRegistry,
    *,
    with_worker: bool = True,
    queues: Sequence[str] | None = None,
    opened: Callable[[Engine], None] = ignore_engine,
    ready: Callable[[str], None] = lambda _: None,
) -> int:
    """Serve HTTP, keep house, and run a worker, until SIGINT or SIGTERM; answers the exit code.

    `opened` is given the engine before a handler runs, `ready` the server's address. Raises
    SettingRefused for an address that is open to others without a token, or that cannot be bound.
    """
    check_door(settings)
    raise_file_limit()
    with bind(settings) as door:
        async with (
            Signals() as signals,
            open_engine(
                settings,
                registry,
                worker=with_worker,
                maintenance=True,
                feed=True,
                queues=queues,
                opened=opened,
            ) as engine,
        ):
            await _serve_http(engine, registry, door, signals, ready)
    return _exit(engine)


async def work(
    settings: Settings,
    registry: HandlerRegistry,
    *,
    queues: Sequence[str] | None = None,
    opened: Callable[[Engine], None] = ignore_engine,
    ready: Callable[[], None] = lambda: None,
    link: Link | None = None,
) -> int:
    """Run a worker, and keep house, until SIGINT or SIGTERM; answers the exit code.

    With a `link`, a supervisor speaks for the worker, and keeps house.
    """
    async with (
        Signals() as signals,
        open_engine(
            settings,
            registry,
            worker=True,
            maintenance=link is None,
            queues=queues,
            opened=opened,
            heartbeat=Heartbeat if link is None else link.heartbeat,
        ) as engine,
    ):
        ready()
        if link is not None:
            link.announce(registry)
        await signals.wait()
        if link is not None:
            link.is_stopping = True
    return _exit(engine)


def check_door(settings: Settings) -> None:
    """Refuse an address that others can reach while no token is set."""
    if settings.token or settings.insecure or _is_loopback(settings.host):
        return
    raise SettingRefused(
        variable="HOST",
        reason=f"{settings.host} can be reached by others: set DULY_TOKEN, or say --insecure",
    )


def bind(settings: Settings) -> socket.socket:
    """The server's socket. Raises SettingRefused when the address cannot be bound."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family, backlog=1024)
    except OSError as error:
        reason = f"{settings.host}:{settings.port} cannot be bound ({error.strerror or error})"
        raise SettingRefused(variable="PORT", reason=f"{reason}: choose another port") from None


def raise_file_limit() -> None:
    """Let this process have as many connections as it may; many systems begin with 1,024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in OPEN_FILES:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft == resource.RLIM_INFINITY or soft >= most:
            return
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            return


async def _serve_http(
    engine: Engine,
    registry: HandlerRegistry,
    door: socket.socket,
    signals: Signals,
    ready: Callable[[str], None],
) -> None:
    app = create_api(
        engine.client, engine.feed, engine.settings, engine.reasons_not_ready, registry
    )
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=HTTP_GRACE,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[door]))
    asked = asyncio.create_task(signals.wait())
    host, port = door.getsockname()[:2]
    ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    app.state.streams.close()
    engine.feed.close()
    server.should_exit = True
    await serving


class _Server(uvicorn.Server):
    """Leaves the signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _exit(engine: Engine) -> int:
    """0; at once where a handler's thread would not let the interpreter end."""
    if not engine.exit_is_clean:
        logger.warning("a handler did not end when it was asked to; its job was given back")
        logging.shutdown()
        os._exit(0)
    return 0

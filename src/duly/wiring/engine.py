"""Who is plugged into whom: opens the parts of one process, and stops them in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..client import CANCELLED, READY, SCHEDULED, Client
from ..config import Secret, Settings
from ..errors import DulyError
from ..events.feed import CHANNEL as TICKED
from ..events.feed import Feed
from ..events.ticker import Ticker
from ..following.endings import Endings
from ..following.live_stream import LiveStream
from ..handlers.email import EmailHandler
from ..handlers.handler import Handler
from ..handlers.registry import HandlerRegistry
from ..maintenance.leader import Leader
from ..maintenance.promoter import Promoter
from ..maintenance.pruner import Pruner
from ..maintenance.rescuer import Rescuer
from ..postgres.embedded import EmbeddedPostgres
from ..postgres.failures import AWAY, unreachable
from ..postgres.listener import Listener
from ..postgres.notifier import Notifier
from ..postgres.pool import Connection, Database, connect
from ..store import migrate as migrations
from ..store.store import Store
from ..worker.heartbeat import Heartbeat, MakeBeating
from ..worker.worker import Worker
from .switchboard import Switchboard

RESTART_PAUSE = 0.5
# Where nobody keeps house, whoever follows the stream cuts it, at a leisurely pace.
SLOW_TICKS = 1.0

logger = logging.getLogger("duly")


def built_in_handlers(settings: Settings) -> list[Handler]:
    """The handlers that come with duly."""
    return [EmailHandler(settings)]


def built_in_registry(settings: Settings) -> HandlerRegistry:
    """A registry of the handlers that come with duly."""
    registry = HandlerRegistry()
    for handler in built_in_handlers(settings):
        registry.register(handler)
    return registry


@dataclass(slots=True, kw_only=True)
class Engine:
    """The parts of one process that is open.

    `live` is `feed` where that runs; elsewhere a feed that is opened when somebody wants it.
    """

    settings: Settings
    dsn: Secret
    store: Store
    client: Client
    feed: Feed
    live: LiveStream
    worker: Worker | None
    exit_is_clean: bool = True

    @property
    def endings(self) -> Endings:
        """How the jobs of this database end."""
        return Endings(self.client, self.live)

    async def reasons_not_ready(self) -> list[str]:
        """Why this process cannot do its work now; empty when it can."""
        try:
            async with asyncio.timeout(2), self.store.database.connection() as connection:
                await migrations.check(connection)
        except (DulyError, TimeoutError) as error:
            return [str(error) or "the database does not answer"]
        return [] if self.worker is None else self.worker.reasons_not_ready()


def ignore_engine(_engine: Engine) -> None:
    """No app has to know of the engine."""


@asynccontextmanager
async def open_engine(
    settings: Settings,
    registry: HandlerRegistry | None = None,
    *,
    worker: bool = False,
    maintenance: bool = False,
    feed: bool = False,
    queues: Sequence[str] | None = None,
    migrate: bool | None = None,
    heartbeat: MakeBeating = Heartbeat,
    opened: Callable[[Engine], None] = ignore_engine,
) -> AsyncGenerator[Engine]:
    """Open the database and whatever else is asked for; everything is stopped in order at the end.

    `opened` is given the engine before a worker starts, for handlers that submit jobs themselves.
    Without DATABASE_URL the embedded PostgreSQL is started or shared. Raises DatabaseUnreachable,
    SchemaTooOld or SchemaTooNew, and EmbeddedPostgresFailed.
    """
    async with AsyncExitStack() as stack:
        dsn = await _open_postgres(settings, stack)
        await _fit_schema(dsn, migrate=settings.migrate if migrate is None else migrate)
        requests = await _open_store(dsn, "requests", settings.pool_size, stack)
        work = await _open_store(dsn, "work", 3, stack) if worker else requests
        house = await _open_store(dsn, "house", 4, stack) if maintenance or feed else requests
        notifier = Notifier(house.database)
        stack.push_async_callback(notifier.close)
        switchboard = Switchboard(notifier)
        running = Feed(house.stream)
        live = LiveStream(lambda: nullcontext(running) if feed else _open_feed(dsn))
        stack.push_async_callback(live.close)
        engine = Engine(
            settings=settings,
            dsn=dsn,
            store=requests,
            client=Client(requests, notifier, switchboard.on_hint, registry),
            feed=running,
            live=live,
            worker=None,
        )
        opened(engine)
        if maintenance:
            await _keep_house(house, settings, switchboard, stack)
        if feed:
            _start_feed(running, switchboard, stack)
        if worker:
            engine.worker = Worker(
                work,
                registry or built_in_registry(settings),
                settings,
                dsn,
                queues=queues,
                on_back=switchboard.on_back,
                heartbeat=heartbeat,
            )
            await _start_worker(engine, engine.worker, switchboard, stack)
        _start_listener(dsn, switchboard, stack)
        yield engine


@asynccontextmanager
async def open_connection(settings: Settings) -> AsyncGenerator[Connection]:
    """One connection and no engine, for who has a single thing to say; see `open_engine`."""
    async with AsyncExitStack() as stack:
        connection = await connect(await _open_postgres(settings, stack), "submit")
        stack.push_async_callback(connection.close)
        try:
            await _fit(connection, migrate=settings.migrate)
            yield connection
        except AWAY as error:
            raise unreachable(error) from error


async def _open_postgres(settings: Settings, stack: AsyncExitStack) -> Secret:
    if settings.database_url is not None:
        return settings.database_url
    embedded = EmbeddedPostgres(Path(settings.data_dir), say=logger.info)
    # First, so that it is also stopped when its start is interrupted.
    stack.push_async_callback(asyncio.to_thread, embedded.stop)
    return await asyncio.to_thread(embedded.start)


async def _fit_schema(dsn: Secret, *, migrate: bool) -> None:
    connection = await connect(dsn, "migrate")
    try:
        await _fit(connection, migrate=migrate)
    finally:
        await connection.close()


async def _fit(connection: Connection, *, migrate: bool) -> None:
    if migrate:
        await migrations.migrate(connection, lambda name: logger.info("migrated: %s", name))
    else:
        await migrations.check(connection)


async def _open_store(dsn: Secret, name: str, size: int, stack: AsyncExitStack) -> Store:
    database = Database(dsn, name=name, size=size)
    await database.open()
    stack.push_async_callback(database.close)
    return Store(database)


@asynccontextmanager
async def _open_feed(dsn: Secret) -> AsyncGenerator[Feed]:
    """A feed that runs, on connections of its own."""
    async with AsyncExitStack() as stack:
        stream = (await _open_store(dsn, "events", 2, stack)).stream
        feed = Feed(stream)
        _run(Ticker(stream, SLOW_TICKS).run, stack)
        _run(feed.run, stack)
        _run(Listener(dsn, [TICKED], lambda _channel, _payload: feed.wake()).run, stack)
        yield feed


async def _keep_house(
    store: Store, settings: Settings, switchboard: Switchboard, stack: AsyncExitStack
) -> None:
    def on_ready(queue: str) -> None:
        switchboard.tell(READY, queue)

    promoter = Promoter(store.house, on_ready)
    rescuer = Rescuer(store.workers, store.house, settings.worker_ttl, on_ready)
    pruner = Pruner(
        store.house, keep_days=settings.retention_days, event_hours=settings.event_retention_hours
    )
    switchboard.connect(SCHEDULED, lambda _: promoter.hint())
    duties = [promoter.run, rescuer.run, pruner.run, Ticker(store.stream).run]
    _run(Leader(store.workers, duties).run, stack)


def _run(loop: Callable[[], Coroutine[Any, Any, None]], stack: AsyncExitStack) -> None:
    """Run a loop until the stack is closed; one that breaks is logged and started again."""

    async def keep_running() -> None:
        while True:
            try:
                await loop()
            except Exception:
                logger.exception("a loop broke and is started again")
            await asyncio.sleep(RESTART_PAUSE)

    task = asyncio.create_task(keep_running())

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)


def _start_feed(feed: Feed, switchboard: Switchboard, stack: AsyncExitStack) -> None:
    switchboard.connect(TICKED, lambda _: feed.wake())
    _run(feed.run, stack)


def _start_listener(dsn: Secret, switchboard: Switchboard, stack: AsyncExitStack) -> None:
    if switchboard.channels:
        _run(Listener(dsn, switchboard.channels, switchboard.on_hint).run, stack)


async def _start_worker(
    engine: Engine, worker: Worker, switchboard: Switchboard, stack: AsyncExitStack
) -> None:
    switchboard.connect(READY, worker.hint)
    switchboard.connect(CANCELLED, lambda _: worker.look_for_cancellations())
    await worker.start()
    stack.push_async_callback(_stop_worker, engine, worker)


async def _stop_worker(engine: Engine, worker: Worker) -> None:
    engine.exit_is_clean = await worker.stop(engine.settings.grace)

"""Hundreds of clients at once: those who never read harm nobody, those who wait cost nothing."""

from __future__ import annotations

import asyncio
import statistics

import pytest
from eventually import eventually

from .crowd import crowd, cut, frozen, room_for_files
from .served import Served
from .submitter import Submitter

READING, FROZEN = 450, 50
MANY = {"DULY_STREAMS": 2_000, "DULY_STREAMS_PER_ADDRESS": 2_000}
FLOOD, ONE_BATCH, BATCHES, FEW = 4_000, 1_000, 15, 20
KEEP_ALIVE, COMMENTS = 1, 4
MOST_MEMORY = 50 * 1024 * 1024


@pytest.fixture(autouse=True)
def files():
    with room_for_files(3_000):
        yield


async def test_clients_that_never_read_harm_nobody_and_are_cut(tmp_path, database_url, connection):
    clock = asyncio.get_running_loop().time
    submitter = Submitter(connection)
    with Served(tmp_path, database_url, DULY_SSE_KEEP_ALIVE=60, **MANY) as server:
        async with crowd(server.port, READING) as clients:
            with frozen(server.port, FROZEN) as sockets:
                await eventually(lambda: _are_connected(clients), "everybody was connected")
                memory = server.memory

                for _ in range(FLOOD // ONE_BATCH):
                    await submitter.submit(ONE_BATCH)
                await _have_all(clients, submitter)
                flooded = clock()
                beside_frozen = [await _delay(clients, submitter) for _ in range(BATCHES)]
                await eventually(lambda: len(cut(sockets)) == FROZEN, "all who froze were cut")
                cut_after = clock() - flooded  # they were blocked before that
                alone = [await _delay(clients, submitter) for _ in range(BATCHES)]
                growth = server.memory - memory

    first = clients[0].positions[0]
    expected = list(range(first, first + len(submitter.jobs)))
    assert all(client.positions == expected for client in clients)
    assert all(client.kinds == {b"job"} for client in clients)
    assert cut_after < 20
    assert growth < MOST_MEMORY
    # Both are some 50 ms; a frozen client that somebody waits for would make it seconds. On a
    # slow machine the frozen are cut before the others are looked at.
    assert statistics.median(beside_frozen) < 5 * statistics.median(alone)


async def test_clients_that_wait_cost_the_database_nothing(tmp_path, database_url, connection):
    settings = {"DULY_SSE_KEEP_ALIVE": KEEP_ALIVE, **MANY}
    with Served(tmp_path, database_url, **settings) as server:
        async with crowd(server.port, 1) as clients:
            of_one = await _rate(connection, clients)
        async with crowd(server.port, 1_000) as clients:
            of_many = await _rate(connection, clients)

    # What a server does anyway is some eighty looks in a second, whoever listens.
    assert of_one > 0
    assert of_many < of_one + 50, "clients that are told nothing asked the database"


async def test_a_server_that_may_have_few_files_open_asks_for_more(tmp_path, database_url):
    with Served(tmp_path, database_url, files=64, **MANY) as server:
        async with crowd(server.port, 200) as clients:
            await eventually(lambda: _are_connected(clients), "everybody was connected")

            assert not any(client.was_cut for client in clients)


async def _rate(watcher, clients):
    """Transactions of the database in a second, while every client gets a few comments."""
    await eventually(lambda: _have_comments(clients, 1), "everybody got a comment")
    before, began = await _transactions(watcher), asyncio.get_running_loop().time()
    await eventually(lambda: _have_comments(clients, 1 + COMMENTS), "everybody got more of them")
    after, ended = await _transactions(watcher), asyncio.get_running_loop().time()
    return (after - before) / (ended - began)


def _have_comments(clients, count):
    return all(client.comments >= count for client in clients)


async def _transactions(watcher):
    return await watcher.fetchval(
        "select xact_commit + xact_rollback from pg_stat_database"
        " where datname = current_database()"
    )


def _are_connected(clients):
    return all(client.is_connected for client in clients)


async def _have_all(clients, submitter):
    count = len(submitter.jobs)
    await eventually(
        lambda: all(len(client.positions) >= count for client in clients), "everybody heard of it"
    )


async def _delay(clients, submitter):
    """From the commit of a few events until the last client has them."""
    await submitter.submit(FEW)
    committed = asyncio.get_running_loop().time()
    await _have_all(clients, submitter)
    return max(client.last_at for client in clients) - committed

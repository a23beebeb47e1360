"""How many streams there may be, and what happens to a client that takes nothing."""

from __future__ import annotations

import dataclasses

import pytest
from api.server import EventReader, running
from api.server import eventually as soon
from eventually import eventually

from duly.api.problems import TooManyStreams, TooManyStreamsOfOne
from duly.api.streaming import seats
from duly.api.streaming.seats import Seats

from .crowd import cut, frozen
from .submitter import Submitter

LIMIT = 3
STUCK, WATCH = 0.5, 0.05
FLOOD = 4_000


@pytest.mark.parametrize(
    ("limited", "status", "problem"),
    [
        ("streams_per_address", 429, "urn:duly:problem:too-many-streams-of-one"),
        ("streams", 503, "urn:duly:problem:too-many-streams"),
    ],
)
def test_one_stream_too_many_is_refused_until_another_client_leaves(
    settings, limited, status, problem
):
    with running(dataclasses.replace(settings, **{limited: LIMIT})) as server:
        streams = [EventReader(server) for _ in range(LIMIT)]

        refused = server.call("GET", "/events")
        page = server.call("GET", "/events?format=json")
        streams.pop().close()
        soon(lambda: len(server.api.state.streams) < LIMIT, "the seat was not given back")
        streams.append(EventReader(server))

        assert [stream.status for stream in streams] == [200] * LIMIT
        assert refused.status == status
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert int(refused.headers["Retry-After"]) >= 1
        assert refused.json["type"] == problem
        assert str(LIMIT) in refused.json["detail"]
        assert page.status == 200  # who asks for pages takes no seat
        for stream in streams:
            stream.close()


async def test_who_has_taken_all_of_its_own_leaves_room_for_others():
    several = Seats(most=3, most_of_one=1)
    first = several.take("a")
    others = [several.take("b")]

    with pytest.raises(TooManyStreamsOfOne):
        several.take("a")
    others.append(several.take("c"))
    with pytest.raises(TooManyStreams):
        several.take("d")
    several.leave(first)
    several.leave(first)
    others.append(several.take("a"))

    assert len(several) == 3
    for seat in others:
        several.leave(seat)


async def test_a_client_that_takes_nothing_is_cut(settings, connection, monkeypatch):
    monkeypatch.setattr(seats, "STUCK_SECONDS", STUCK)
    monkeypatch.setattr(seats, "WATCH_SECONDS", WATCH)
    with running(settings) as server, frozen(server.port, 1) as sockets:
        await _is_blocked(server, connection)

        await eventually(lambda: cut(sockets), "the client was cut")
        await eventually(lambda: not len(server.api.state.streams), "its seat was given back")


async def test_without_the_watchdog_it_would_stay(settings, connection, monkeypatch):
    monkeypatch.setattr(seats, "STUCK_SECONDS", STUCK)
    monkeypatch.setattr(Seats, "_watch", _look_away)
    with running(settings) as server, frozen(server.port, 1) as sockets:
        await _is_blocked(server, connection)

        assert not cut(sockets, seconds=4 * STUCK)
        assert len(server.api.state.streams) == 1


async def _is_blocked(server, connection):
    """Wait until the server cannot get rid of what it has for its only client."""
    streams = server.api.state.streams
    await eventually(lambda: len(streams) == 1, "the client was connected")
    await Submitter(connection).submit(FLOOD)
    await eventually(
        lambda: any(one.blocked_since is not None for one in streams._taken), "it was blocked"
    )


async def _look_away(_):
    pass

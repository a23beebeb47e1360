"""The stream of events as a client reads it."""

from __future__ import annotations

import re
import time
from uuid import uuid4

import pytest

from ..server import EventReader, eventually, running


def test_a_stream_says_what_it_is_and_how_to_come_back(server):
    with EventReader(server) as stream:
        first = stream.line()

        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.headers["Cache-Control"] == "no-cache, no-transform"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert first == "retry: 1000"


def test_a_change_arrives_as_one_line_of_json(server):
    with EventReader(server) as stream:
        stream.line()
        job = server.submit(queue="told", delay=3600)

        event = stream.until(job_id=job["id"])[-1]

    assert event.event == "job"
    assert event.id.count(".") == 1
    assert event.data["at"].endswith("Z")
    assert {name: event.data[name] for name in ("job_type", "queue", "change", "status")} == {
        "job_type": "nobody-does-this",
        "queue": "told",
        "change": "enqueue",
        "status": "pending",
    }
    assert event.data["attempt"] == 0


@pytest.mark.parametrize("name", ["job_id", "job_type", "queue", "tag", "status"])
def test_a_filter_lets_only_its_own_through(server, name):
    unique = f"only-{uuid4().hex}"
    fields = {
        "job_type": {"job_type": unique},
        "queue": {"queue": unique},
        "tag": {"tags": [unique]},
    }
    wanted = server.submit(**fields.get(name, {}), delay=3600)
    value = {"job_id": wanted["id"], "status": "cancelled"}.get(name, unique)

    with EventReader(server, f"/events?{name}={value}&after=0") as stream:
        server.submit(delay=3600)
        server.call("POST", f"/jobs/{wanted['id']}/cancel")

        seen = stream.until(job_id=wanted["id"], change="cancel")

    if name == "status":
        assert {event.data["status"] for event in seen} == {"cancelled"}
    else:
        assert {event.data["job_id"] for event in seen} == {wanted["id"]}


@pytest.mark.parametrize("way", ["header", "parameter"])
def test_a_client_that_comes_back_misses_nothing(server, way):
    tag = uuid4().hex
    with EventReader(server, f"/events?tag={tag}") as stream:
        stream.line()
        seen = server.submit(tags=[tag], delay=3600)
        last = stream.until(job_id=seen["id"])[-1]
    missed = [server.submit(tags=[tag], delay=3600)["id"] for _ in range(5)]

    path, headers = f"/events?tag={tag}", {"Last-Event-ID": last.id}
    if way == "parameter":
        path, headers = f"{path}&after={last.id}", {}
    with EventReader(server, path, headers) as stream:
        events = [stream.next() for _ in missed]

    assert [event.data["job_id"] for event in events] == missed


def test_where_the_client_was_last_counts_more_than_its_address(server):
    tag = uuid4().hex
    jobs = [server.submit(tags=[tag], delay=3600)["id"] for _ in range(2)]
    with EventReader(server, f"/events?tag={tag}&after=0") as stream:
        first = stream.next()

    headers = {"Last-Event-ID": first.id}
    with EventReader(server, f"/events?tag={tag}&after=0", headers) as stream:
        second = stream.next()

    assert [first.data["job_id"], second.data["job_id"]] == jobs


def test_a_position_of_another_history_is_answered_with_a_reset(server):
    with EventReader(server, "/events?after=another-history.7") as stream:
        event = stream.next()

    assert event.event == "reset"
    assert event.data["position"] == event.id
    assert event.data["reason"]


def test_a_quiet_stream_is_kept_alive_by_comments(server):
    with EventReader(server, f"/events?tag={uuid4().hex}") as stream:
        lines = [stream.line() for _ in range(9)]

    position = lines[1]
    assert re.fullmatch(r"id: \w+\.\d+", position)
    again = [": keep-alive", position, ""]
    assert lines == ["retry: 1000", position, "", *again, *again]


def test_a_client_that_leaves_is_missed_at_once(server):
    streams = server.api.state.streams
    eventually(lambda: len(streams) == 0)
    stream = EventReader(server, f"/events?tag={uuid4().hex}")
    stream.line()
    assert len(streams) == 1

    stream.close()

    eventually(lambda: len(streams) == 0, "the stream was not given up")


def test_open_streams_do_not_hold_up_a_server_that_stops(settings):
    started = time.monotonic()
    with running(settings) as server:
        readers = [EventReader(server) for _ in range(5)]
        for reader in readers:
            reader.line()
        started = time.monotonic()

    assert time.monotonic() - started < 5
    pauses = set()
    for reader in readers:
        lines = list(iter(reader.line, None))
        pauses.add(lines[-3])
        assert lines[-2].startswith("id: ")
        reader.close()
    # They are told to come back, but not all at once.
    assert all(re.fullmatch(r"retry: [1-5]\d{3}", pause) for pause in pauses)
    assert len(pauses) > 1


def test_a_head_request_does_not_open_a_stream(server):
    reply = server.call("HEAD", "/events")

    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["Content-Type"] == "text/event-stream"

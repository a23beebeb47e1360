"""The stream behind nginx, as the guide says. Where there is no nginx, these tests are skipped."""

from __future__ import annotations

import contextlib
import http.client
import io

import aiohttp
import pytest
from api.server import EventReader, running
from eventually import eventually

from duly.api.streaming import seats

from .crowd import frozen
from .nginx import NGINX, Nginx
from .served import Served
from .submitter import Submitter

TOKEN = "a-token-for-this-test"

pytestmark = pytest.mark.skipif(NGINX is None, reason="there is no nginx on this machine")


@pytest.fixture
def behind(tmp_path, database_url):
    """Starts a server with these settings and an nginx in front of it."""
    with contextlib.ExitStack() as stack:

        def start(**settings):
            server = stack.enter_context(Served(tmp_path, database_url, **settings))
            return stack.enter_context(Nginx(tmp_path, server.port))

        yield start


@pytest.fixture
def submitter(connection):
    return Submitter(connection)


async def test_events_come_through_one_by_one(behind, submitter):
    nginx = behind()
    with EventReader(nginx, headers={"Accept-Encoding": "gzip, br"}) as stream:
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert "Content-Encoding" not in stream.headers

        # The next job is not submitted before the event of the last one was read.
        for _ in range(10):
            [job] = await submitter.submit(1)
            assert stream.next().data["job_id"] == job


async def test_a_quiet_stream_is_kept_alive_through_the_proxy(behind):
    nginx = behind(DULY_SSE_KEEP_ALIVE=0.2)
    with EventReader(nginx) as stream:
        lines = [stream.line() for _ in range(12)]

    assert lines.count(": keep-alive") == 3


async def test_a_client_that_resumes_misses_nothing_over_a_reload_and_a_restart(behind, submitter):
    nginx = behind()
    with EventReader(nginx) as stream:
        first = await submitter.submit(3)
        seen = [stream.next() for _ in first]
        nginx.reload()
        second = await submitter.submit(3)
        seen += [stream.next() for _ in second]

        nginx.stop()
        assert _is_cut_off(stream)
    missed = await submitter.submit(3)
    nginx.start()
    with EventReader(nginx, headers={"Last-Event-ID": seen[-1].id}) as stream:
        seen += [stream.next() for _ in missed]
        last = await submitter.submit(1)
        seen.append(stream.next())

    assert [event.data["job_id"] for event in seen] == first + second + missed + last


async def test_while_the_server_is_away_the_connection_closes_without_an_answer(
    tmp_path, database_url
):
    with Served(tmp_path, database_url) as server, Nginx(tmp_path, server.port) as nginx:
        server.stop()

        # An EventSource comes back after this; after an answer of 502 it would not.
        with pytest.raises(http.client.RemoteDisconnected):
            EventReader(nginx)
        async with aiohttp.ClientSession() as session, session.get(f"{nginx.url}/jobs") as answer:
            assert answer.status == 502


async def test_what_the_server_refuses_is_told_in_its_own_words(behind):
    nginx = behind(DULY_STREAMS_PER_ADDRESS=1)
    too_large = io.BytesIO(b'{"job_type": "any", "payload": {"text": "%b"}}' % (b"x" * 1_500_000))
    is_json = {"Content-Type": "application/json"}
    with EventReader(nginx):
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{nginx.url}/events") as answer:
                stream = answer.status, answer.content_type, answer.headers["Retry-After"]
            url = f"{nginx.url}/jobs"
            async with session.post(url, data=too_large, headers=is_json) as answer:
                body = answer.status, answer.content_type

    # To the server all clients have the proxy's address.
    assert stream == (429, "application/problem+json", "1")
    assert body == (413, "application/problem+json")


async def test_a_client_that_takes_nothing_is_found_behind_the_proxy_too(
    tmp_path, settings, submitter, monkeypatch
):
    monkeypatch.setattr(seats, "STUCK_SECONDS", 0.5)
    monkeypatch.setattr(seats, "WATCH_SECONDS", 0.05)
    with (
        running(settings) as server,
        Nginx(tmp_path, server.port) as nginx,
        frozen(nginx.port, 1),
    ):
        streams = server.api.state.streams
        await eventually(lambda: len(streams) == 1, "the client was connected")

        # Several megabytes: the system takes some of it on the way to the proxy.
        for _ in range(6):
            await submitter.submit(5_000)

        await eventually(lambda: not len(streams), "it was cut")


@pytest.mark.parametrize(
    ("token", "status"), [(TOKEN, 200), ("another", 401)], ids=["its token", "another token"]
)
async def test_a_server_with_a_token_is_reached_by_any_name(behind, token, status):
    nginx = behind(DULY_TOKEN=TOKEN)
    headers = {"Host": "duly.example", "Authorization": f"Bearer {token}"}
    with EventReader(nginx, headers=headers) as stream:
        assert stream.status == status


async def test_a_server_without_a_token_is_not(behind):
    nginx = behind()
    with EventReader(nginx, headers={"Host": "duly.example"}) as stream:
        assert stream.status == 403


def _is_cut_off(stream):
    try:
        return stream.next() is None
    except (http.client.IncompleteRead, ConnectionError):
        return True

"""While the database is away the door says so, and recovers by itself when it is back."""

from __future__ import annotations

import json

import pytest

from duly.config import Secret, Settings

from .server import eventually, running


@pytest.fixture
def settings(own_postgres):
    return Settings(database_url=Secret(own_postgres.start().reveal()), keep_alive=0.2)


@pytest.mark.timeout(120)
def test_the_door_says_503_while_the_database_is_away_and_recovers(own_postgres, settings):
    with running(settings) as server:
        kept = server.submit()
        own_postgres.stop()

        submitted = server.call("POST", "/jobs", {"job_type": "a"})
        batch = server.call("POST", "/jobs/batch", [{"job_type": "a"}])
        looked = server.call("GET", f"/jobs/{kept['id']}")
        stream = server.call("GET", "/events?after=0", headers={"Accept": "text/event-stream"})
        page = server.call("GET", "/events?after=0&format=json")
        ready, live = server.call("GET", "/readyz"), server.call("GET", "/livez")
        own_postgres.start()

        for reply in (submitted, batch, looked):
            assert reply.status == 503, reply.body
            assert reply.headers["Retry-After"] == "1"
            assert reply.headers["Content-Type"] == "application/problem+json"
            assert "insert" not in reply.body.decode().lower()
        # A browser would never come back after a 503.
        assert stream.status == 200
        assert stream.headers["Content-Type"] == "text/event-stream"
        assert stream.body == b": the database is away\nretry: 2000\n\n"
        assert page.status == 503
        assert (ready.status, live.status) == (503, 200)
        assert json.loads(ready.body)["reasons"]
        eventually(lambda: server.call("POST", "/jobs", {"job_type": "a"}).status == 201)
        assert server.call("GET", f"/jobs/{kept['id']}").status == 200

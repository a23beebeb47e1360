"""Probes: whether the server lives, and whether it can work."""

from __future__ import annotations

import asyncio

import msgspec

from duly.api.routes import health
from duly.api.routes.health import HealthRoutes


async def ready_answer(reasons_not_ready):
    answer = await HealthRoutes(reasons_not_ready).ready(None)
    return answer.status_code, msgspec.json.decode(answer.body)


def test_a_server_with_a_database_lives_and_is_ready(server):
    live, ready = server.call("GET", "/livez"), server.call("GET", "/readyz")

    assert (live.status, live.json) == (200, {"status": "alive", "reasons": []})
    assert (ready.status, ready.json) == (200, {"status": "ready", "reasons": []})


def test_a_probe_may_send_what_it_likes(server):
    headers = {"Host": "10.0.0.7", "Origin": "https://elsewhere.example"}

    assert server.call("GET", "/livez?probe=1", headers=headers).status == 200


async def test_reasons_make_it_503_and_are_told():
    async def reasons():
        return ["the database does not answer"]

    assert await ready_answer(reasons) == (
        503,
        {"status": "not ready", "reasons": ["the database does not answer"]},
    )


async def test_finding_out_that_fails_is_a_reason_without_details():
    async def reasons():
        raise ValueError("password=hunter2")

    status, body = await ready_answer(reasons)

    assert status == 503
    assert "hunter2" not in str(body)


async def test_finding_out_that_takes_for_ever_is_a_reason(monkeypatch):
    monkeypatch.setattr(health, "ANSWER_SECONDS", 0.01)

    async def reasons():
        await asyncio.Event().wait()

    status, body = await ready_answer(reasons)

    assert status == 503
    assert "longer" in body["reasons"][0]


def test_the_counters_are_served_for_prometheus(server):
    answer = server.call("GET", "/metrics")

    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert b"# TYPE duly_stale_writes_total counter" in answer.body

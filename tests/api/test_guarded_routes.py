"""Every route asks for the token, and every answer keeps browsers in check."""

from __future__ import annotations

import pytest

from duly.config import Secret, Settings

from .server import running

TOKEN = "correct-horse"  # not a secret: this server lives as long as these tests
OPEN = {"/livez", "/readyz"}
JOB = "01920000-0000-7000-8000-000000000000"


@pytest.fixture(scope="module")
def guarded(database_url):
    settings = Settings(database_url=Secret(database_url), token=Secret(TOKEN), keep_alive=0.2)
    with running(settings) as server:
        yield server


def every_operation(server):
    """Each method and path that the application has, taken from the application itself."""
    for route in server.api.routes:
        for operation in route.endpoint.operations:
            yield operation.method, route.path.replace("{job_id}", JOB)


def test_without_the_token_every_route_but_the_probes_is_closed(guarded):
    answers = {
        (method, path): guarded.call(method, path).status
        for method, path in every_operation(guarded)
    }

    assert len(answers) >= 14
    for (_, path), status in answers.items():
        assert (status in (200, 503)) if path in OPEN else (status == 401)


def test_a_method_that_does_not_exist_is_closed_too(guarded):
    assert guarded.call("DELETE", "/jobs").status == 401


def test_with_the_token_no_route_is_closed(guarded):
    headers = {"Authorization": f"Bearer {TOKEN}"}
    for method, path in every_operation(guarded):
        finite = "HEAD" if path == "/events" else method
        assert guarded.call(finite, path, headers=headers).status not in (401, 403)


@pytest.mark.parametrize("value", ["Bearer wrong", "Basic correct-horse", "Bearer", TOKEN])
def test_a_wrong_token_is_told_how_to_do_it(guarded, value):
    reply = guarded.call("GET", "/jobs", headers={"Authorization": value})

    assert reply.status == 401
    assert reply.headers["WWW-Authenticate"] == 'Bearer realm="duly"'
    assert TOKEN not in reply.body.decode()


def test_a_token_in_the_query_does_not_count(guarded):
    assert guarded.call("GET", f"/jobs?token={TOKEN}").status == 401


def test_a_page_from_elsewhere_cannot_submit_a_job(server):
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}

    reply = server.call("POST", "/jobs", b'{"job_type": "a"}', headers)

    assert (reply.status, reply.json["type"]) == (403, "urn:duly:problem:cross-site-refused")


def test_a_name_that_was_rebound_to_us_reads_nothing(server):
    reply = server.call("GET", "/jobs", headers={"Host": "rebound.example"})

    assert reply.status == 403
    assert "DULY_TOKEN" in reply.json["detail"]


def test_every_answer_keeps_browsers_in_check(server):
    for method, path in every_operation(server):
        headers = server.call("HEAD" if method == "GET" else method, path).headers
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin", path
        assert "default-src 'none'" in headers["Content-Security-Policy"], path
        assert headers["Access-Control-Allow-Origin"] is None, path
        if path.startswith(("/jobs", "/livez", "/readyz", "/openapi")):
            assert headers["Cache-Control"] == "no-store", path

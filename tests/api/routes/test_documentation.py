"""The description of the door, which is made from what the door does."""

from __future__ import annotations

import re

import jsonschema_rs
import msgspec
import pytest

from duly.api.query import EventQuery, ListQuery
from duly.api.wire import JobRequest
from duly.jobs.job import Job

ROUTES = {
    "/jobs": {"get", "post"},
    "/jobs/batch": {"post"},
    "/jobs/{job_id}": {"get"},
    "/jobs/{job_id}/attempts": {"get"},
    "/jobs/{job_id}/logs": {"get"},
    "/jobs/{job_id}/result": {"get"},
    "/jobs/cancel": {"post"},
    "/jobs/retry": {"post"},
    "/jobs/{job_id}/cancel": {"post"},
    "/jobs/{job_id}/retry": {"post"},
    "/events": {"get"},
    "/job-types": {"get"},
    "/metrics": {"get"},
    "/livez": {"get"},
    "/readyz": {"get"},
    "/openapi.json": {"get"},
    "/docs": {"get"},
}


@pytest.fixture(scope="module")
def document(server):
    return server.call("GET", "/openapi.json").json


def names(parameters, place):
    return {one["name"] for one in parameters if one["in"] == place}


def test_every_route_is_described(document):
    assert document["openapi"] == "3.1.0"
    assert {path: set(methods) for path, methods in document["paths"].items()} == ROUTES


def test_the_fields_are_those_that_are_parsed_and_answered(document):
    schemas = document["components"]["schemas"]

    assert set(schemas["JobRequest"]["properties"]) == set(JobRequest.__struct_fields__)
    assert schemas["JobRequest"]["additionalProperties"] is False
    assert schemas["JobRequest"]["required"] == ["job_type"]
    assert set(schemas["Job"]["properties"]) == set(Job.__struct_fields__)


def test_the_parameters_are_those_that_are_read(document):
    listing = document["paths"]["/jobs"]["get"]["parameters"]
    events = document["paths"]["/events"]["get"]["parameters"]

    assert names(listing, "query") == set(ListQuery.__struct_fields__)
    assert names(events, "query") == set(EventQuery.__struct_fields__)
    assert names(events, "header") == {"Last-Event-ID"}


def test_every_refusal_is_a_problem(document):
    for methods in document["paths"].values():
        for described in methods.values():
            for status, answer in described["responses"].items():
                if status.startswith("4"):
                    assert set(answer["content"]) == {"application/problem+json"}


def test_what_is_answered_fits_what_is_described(server, document):
    job = server.submit(payload={"a": 1}, tags=["x"])
    schema = {"$ref": "#/components/schemas/Job", "components": document["components"]}

    jsonschema_rs.validate(schema, job)


@pytest.mark.parametrize("kind", [ListQuery, EventQuery])
def test_no_parameter_may_be_null(document, kind):
    path = "/jobs" if kind is ListQuery else "/events"

    text = msgspec.json.encode(document["paths"][path]["get"]["parameters"])

    assert b"null" not in text


def test_the_page_fetches_nothing_from_elsewhere(server):
    page = server.call("GET", "/docs")
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())

    assert parts == ["docs/docs.css", "docs/docs.js", "openapi.json"]
    for part in parts:
        assert server.call("GET", f"/{part}").status == 200
    assert "default-src 'none'; script-src 'self'" in page.headers["Content-Security-Policy"]


def test_the_page_makes_text_and_never_html(server):
    script = server.call("GET", "/docs/docs.js").body.decode()

    assert "textContent" in script
    for way in ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval(", "http"):
        assert way not in script

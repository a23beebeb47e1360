"""What can be submitted, and what is refused because its handler could not read it."""

from __future__ import annotations

import msgspec
import pytest

from duly.handlers.registry import HandlerRegistry

from ..server import running


class Thumbnail(msgspec.Struct):
    """A picture and how wide it is to be."""

    url: str
    width: int = 100


async def thumbnail(payload: Thumbnail):
    return payload.width


def anything(payload):
    return payload


@pytest.fixture(scope="module")
def server(settings):
    registry = HandlerRegistry()
    registry.add("thumbnail", thumbnail, queue="images", max_attempts=5, timeout=30)
    registry.add("anything", anything)
    with running(settings, registry, worker=True) as started:
        yield started


def test_the_job_types_are_told_with_their_schemas(server):
    known = {one["job_type"]: one for one in server.call("GET", "/job-types").json}

    assert known["thumbnail"]["queue"] == "images"
    assert known["thumbnail"]["max_attempts"] == 5
    assert known["thumbnail"]["timeout"] == 30
    assert known["thumbnail"]["workers"] >= 1
    (schema,) = known["thumbnail"]["payload_schema"]["$defs"].values()
    assert schema["properties"]["url"] == {"type": "string"}
    assert schema["required"] == ["url"]
    assert known["anything"]["payload_schema"] == {}


def test_a_payload_that_its_handler_could_not_read_is_refused(server):
    body = {"job_type": "thumbnail", "payload": {"url": "http://a.example", "width": "wide"}}

    answer = server.call("POST", "/jobs", body)

    assert answer.status == 422
    assert answer.json["path"] == "$.payload.width"
    assert answer.json["type"] == "urn:duly:problem:payload-refused"


def test_one_payload_that_does_not_fit_refuses_the_batch_and_is_named(server):
    fits = {"job_type": "thumbnail", "payload": {"url": "http://a.example"}, "queue": "refused"}

    answer = server.call("POST", "/jobs/batch", [fits, {**fits, "payload": {}}])

    assert answer.status == 422
    assert answer.json["path"] == "$[1].payload.url"
    assert server.call("GET", "/jobs?queue=refused").json == []


def test_a_payload_of_a_type_that_only_others_know_is_taken_as_it_is(server):
    assert server.submit(job_type="elsewhere", payload={"url": 1})["status"] == "pending"

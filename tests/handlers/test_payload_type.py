"""Payloads as what a handler is annotated with."""

from __future__ import annotations

import dataclasses
from typing import Any, NotRequired, TypedDict

import msgspec
import pydantic
import pytest

from duly.errors import PayloadRefused
from duly.handlers.payload_type import PayloadType


class AsStruct(msgspec.Struct):
    name: str
    sizes: list[int] = []


@dataclasses.dataclass
class AsDataclass:
    name: str
    sizes: list[int] = dataclasses.field(default_factory=list)


class AsTypedDict(TypedDict):
    name: str
    sizes: NotRequired[list[int]]


class AsModel(pydantic.BaseModel):
    name: str
    sizes: list[int] = []


KINDS = [AsStruct, AsDataclass, AsTypedDict, AsModel]


def name_of(payload):
    return payload["name"] if isinstance(payload, dict) else payload.name


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_is_read_as_what_the_handler_wants(kind):
    payload = PayloadType(kind).decode('{"name": "Ada", "sizes": [1, 2], "later": true}')

    assert isinstance(payload, dict if kind is AsTypedDict else kind)
    assert name_of(payload) == "Ada"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ('{"sizes": []}', "$[2].payload.name"),
        ('{"name": 1}', "$[2].payload.name"),
        ('{"name": "Ada", "sizes": [1, "many"]}', "$[2].payload.sizes[1]"),
        ("[]", "$[2].payload"),
        ("{", "$[2].payload"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_with_its_path(kind, payload, path):
    with pytest.raises(PayloadRefused) as refusal:
        PayloadType(kind).decode(payload, "$[2].payload")

    assert refusal.value.fields["path"] == path
    assert "many" not in str(refusal.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_type_describes_itself(kind):
    schema = PayloadType(kind).schema()

    while "$ref" in schema:
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    assert schema["properties"]["name"]["type"] == "string"
    assert schema["required"] == ["name"]


@pytest.mark.parametrize("hint", [Any, object])
def test_where_nothing_is_said_any_json_will_do(hint):
    open_type = PayloadType(hint)

    assert open_type.is_open
    assert open_type.decode("[1, null]") == [1, None]
    assert open_type.schema() == {}


def test_a_class_that_no_payload_can_be_is_refused_when_it_is_registered():
    class Connection:
        pass

    with pytest.raises(TypeError, match="use a msgspec Struct, a dataclass"):
        PayloadType(Connection)

"""What a payload may hold."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duly.errors import PayloadRefused
from duly.jobs.payload import (
    DEEPEST,
    LONGEST_NUMBER,
    MOST_NODES,
    check_payload,
    encode_payload,
    read_payload,
)

STORABLE_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
STORABLE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | STORABLE_TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(STORABLE_TEXT, inner),
    max_leaves=20,
)


@given(value=STORABLE)
def test_json_survives_the_way_in(value):
    text = encode_payload(value)

    assert json.loads(text) == value
    assert read_payload(text.encode()) == text


@given(raw=st.binary(max_size=200))
def test_any_bytes_are_either_kept_as_they_are_or_refused(raw):
    try:
        text = read_payload(raw)
    except PayloadRefused:
        return

    assert text.encode() == raw
    json.loads(text)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"a": ["ok", "\x00"]}, "$.payload.a[1]: holds U+0000"),
        ({"a\x00": 1}, "$.payload: the key 'a\\x00': holds U+0000"),
        ({"n": 10**LONGEST_NUMBER}, "$.payload.n: is longer than 40 digits"),
        ([-(10**LONGEST_NUMBER)], "$.payload[0]: is longer than 40 digits"),
        ([0] * MOST_NODES, "$.payload: holds more than 10000 values"),
        ({"x": object()}, "$.payload: is not JSON"),
        ({"x": float("nan")}, "$.payload.x: nan is not JSON"),
        ({"x": [1.0, float("inf")]}, "$.payload.x[1]: inf is not JSON"),
        ([(float("-inf"),)], "$.payload[0][0]: -inf is not JSON"),
        ({"x": "\ud800"}, "$.payload"),
    ],
)
def test_a_value_that_cannot_be_stored_is_refused_with_its_path(value, complaint):
    with pytest.raises(PayloadRefused) as refusal:
        encode_payload(value)

    assert str(refusal.value).startswith(complaint)


@pytest.mark.parametrize(
    ("raw", "complaint"),
    [
        (b'{"a": "\\u0000"}', "$.payload.a: holds U+0000"),
        (b'{"a": "\\ud800"}', "$.payload"),
        (b'{"n": 1' + b"0" * LONGEST_NUMBER + b"}", "$.payload.n: is longer than 40 digits"),
        (b"1" * 5_000, "$.payload"),
        (b"1e999", "$.payload"),
        (b"[" * 5_000 + b"]" * 5_000, "$.payload: nested deeper"),
        (b"{", "$.payload: Input data was truncated"),
        (b"", "$.payload: Input data was truncated"),
        (b'"\xff"', "$.payload: "),
        (b"NaN", "$.payload: JSON is malformed"),
    ],
)
def test_text_that_cannot_be_stored_is_refused(raw, complaint):
    with pytest.raises(PayloadRefused) as refusal:
        read_payload(raw)

    assert str(refusal.value).startswith(complaint)


def test_text_keeps_every_digit_that_was_sent():
    raw = b'{"price": 0.1000000000000000055511151231257827, "n": 12345678901234567890123456}'

    assert read_payload(raw).encode() == raw


def test_a_payload_may_be_nested_as_deep_as_the_limit_and_no_deeper():
    assert read_payload(b"[" * DEEPEST + b"]" * DEEPEST)

    with pytest.raises(PayloadRefused, match="nested deeper than 64 levels"):
        read_payload(b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1))
    with pytest.raises(PayloadRefused, match="nested deeper than 64 levels"):
        encode_payload(_nested(DEEPEST + 1))
    with pytest.raises(PayloadRefused, match="nested deeper than 64 levels"):
        encode_payload(_nested(100_000))


def test_a_payload_may_hold_as_many_values_as_the_limit():
    assert encode_payload([0] * (MOST_NODES - 1))


def test_the_longest_numbers_are_kept():
    longest = 10**LONGEST_NUMBER - 1

    assert read_payload(str(longest).encode()) == str(longest)
    assert read_payload(str(-longest).encode()) == str(-longest)


def test_a_lone_surrogate_is_not_text():
    with pytest.raises(PayloadRefused, match="lone surrogate"):
        check_payload({"name": "half \ud83d"})


def _nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value

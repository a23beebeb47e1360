"""Bytes become submissions, or the refusal that http.md asks for."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from duly.api.problems import MalformedJson
from duly.api.wire import NAME_PATTERN, read_job, read_jobs, read_lines, read_no_fields
from duly.errors import PayloadRefused, RequestRefused
from duly.jobs.submission import Submission


def test_a_job_type_alone_is_a_whole_submission():
    submission = read_job(b'{"job_type": "email"}')

    assert submission == Submission(job_type="email", payload="{}")


def test_every_field_arrives_as_it_was_sent():
    body = (
        b'{"job_type": "a", "payload": {"n": 1.50}, "queue": "q", "priority": -3,'
        b' "unique_key": "k",'
        b' "max_attempts": 7, "run_at": "2030-01-01T02:00:00+02:00", "tags": ["x", "y"]}'
    )

    submission = read_job(body)

    assert submission == Submission(
        job_type="a",
        payload='{"n": 1.50}',
        queue="q",
        priority=-3,
        unique_key="k",
        max_attempts=7,
        run_at=datetime(2030, 1, 1, tzinfo=UTC),
        tags=("x", "y"),
    )


def test_scheduled_at_is_another_name_for_run_at():
    submission = read_job(b'{"job_type": "a", "scheduled_at": "2030-01-01T00:00:00Z"}')

    assert submission.run_at == datetime(2030, 1, 1, tzinfo=UTC)


def test_null_counts_as_not_given_except_in_the_payload():
    nulls = b'"queue": null, "priority": null, "max_attempts": null, "tags": null, "run_at": null'

    submission = read_job(b'{"job_type": "a", "payload": null, ' + nulls + b"}")

    assert submission == Submission(job_type="a", payload="null")


def test_the_payload_keeps_every_digit():
    digits = "3.14159265358979323846264338327950288"

    submission = read_job(f'{{"job_type": "a", "payload": [{digits}]}}'.encode())

    assert submission.payload == f"[{digits}]"


def test_lines_and_an_array_give_the_same_submissions():
    lines = b'{"job_type": "a"}\r\n\n{"job_type": "b", "priority": 2}'

    from_lines = read_lines(lines)

    assert from_lines == read_jobs(b'[{"job_type": "a"}, {"job_type": "b", "priority": 2}]')


def test_a_refusal_in_a_batch_names_the_job_and_the_field():
    jobs = b'{"job_type": "a"}', b'{"job_type": "b", "payload": {"a": ["\\u0000"]}}'

    with pytest.raises(PayloadRefused) as from_array:
        read_jobs(b"[" + b",".join(jobs) + b"]")
    with pytest.raises(PayloadRefused) as from_lines:
        read_lines(b"\n".join(jobs))

    assert from_array.value.fields["path"] == "$[1].payload.a[0]"
    assert from_lines.value.fields["path"] == "$[1].payload.a[0]"


def test_a_broken_line_is_malformed_and_named():
    with pytest.raises(MalformedJson) as caught:
        read_lines(b'{"job_type": "a"}\n{"job_type": ')

    assert caught.value.fields["path"] == "$[1]"


def test_a_surrogate_alone_is_found_where_it_is():
    with pytest.raises(PayloadRefused) as caught:
        read_job(b'{"job_type": "a", "payload": {"deep": [1, "\\ud800"]}}')

    assert caught.value.fields["path"] == "$.payload.deep[1]"
    assert "surrogate" in str(caught.value)


def test_a_body_that_is_no_json_is_malformed_even_where_a_field_does_not_fit():
    with pytest.raises(MalformedJson):
        read_job(b'{"job_type": 1, "priority": ')


@pytest.mark.parametrize("depth", [65, 100_000])
def test_a_payload_that_is_nested_too_deep_is_refused(depth):
    body = b'{"job_type": "a", "payload": ' + b"[" * depth + b"]" * depth + b"}"

    with pytest.raises((PayloadRefused, RequestRefused), match="deeper than 64"):
        read_job(body)


def test_a_payload_of_64_levels_is_accepted():
    payload = "[" * 64 + "]" * 64

    submission = read_job(f'{{"job_type": "a", "payload": {payload}}}'.encode())

    assert submission.payload == payload


def test_more_jobs_than_a_batch_may_hold_are_refused_in_both_forms():
    job = b'{"job_type":"a"}'

    with pytest.raises(RequestRefused, match="at most 10000"):
        read_jobs(b"[" + b",".join([job] * 10_001) + b"]")
    with pytest.raises(RequestRefused, match="at most 10000"):
        read_lines(b"\n".join([job] * 10_001))


@pytest.mark.parametrize("body", [b"", b"  \n", b"{}"])
def test_where_no_fields_are_expected_nothing_and_an_empty_object_do(body):
    assert read_no_fields(body) is None


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"force": true}', b"1"])
def test_where_no_fields_are_expected_anything_else_is_refused(body):
    with pytest.raises(RequestRefused):
        read_no_fields(body)


@pytest.mark.parametrize("name", ["email", "a.b:c/d@e-f_g", "9", "_", "-a", "a b", "é", "a\n", ""])
def test_the_pattern_that_we_publish_is_the_rule_that_we_apply(name):
    published = re.search(NAME_PATTERN, name) is not None and not name.endswith("\n")

    try:
        Submission(job_type=name).check()
        applied = True
    except RequestRefused:
        applied = False

    assert published == applied

"""What goes wrong becomes problem+json; what nobody foresaw becomes an id and nothing else."""

from __future__ import annotations

import logging
import string

import msgspec
import pytest

from duly.api import problems
from duly.api.problems import MethodNotAllowed, NotAuthorized, answer_to
from duly.errors import (
    DatabaseUnreachable,
    DulyError,
    JobNotFound,
    PayloadRefused,
    SchemaTooNew,
)


def leaves(kind):
    below = kind.__subclasses__()
    return [leaf for child in below for leaf in leaves(child)] if below else [kind]


def made(kind):
    """An error of this kind, with every field that its message names."""
    names = [name for _, name, _, _ in string.Formatter().parse(kind.__doc__ or "") if name]
    return kind(**dict.fromkeys(names, "something"))


def problem_of(answer):
    return msgspec.json.decode(answer.body)


@pytest.mark.parametrize("kind", leaves(DulyError), ids=lambda kind: kind.__name__)
def test_every_error_of_ours_has_an_answer(kind):
    error = made(kind)

    answer = answer_to(error, "GET /")

    problem = problem_of(answer)
    assert answer.status_code == problem["status"] == kind.status
    assert problem["type"].startswith("urn:duly:problem:")
    assert problem["title"] and problem["detail"]
    assert (b"content-type", b"application/problem+json") in answer.raw_headers


def test_a_refusal_says_which_part_was_at_fault():
    answer = answer_to(PayloadRefused(path="$.payload.a", reason="is bad"), "POST /jobs")

    assert problem_of(answer) == {
        "type": "urn:duly:problem:payload-refused",
        "title": "Payload refused",
        "status": 422,
        "detail": "$.payload.a: is bad",
        "path": "$.payload.a",
    }


@pytest.mark.parametrize(
    ("error", "header"),
    [
        (DatabaseUnreachable(reason="refused"), (b"retry-after", b"1")),
        (SchemaTooNew(found=3, needed=2), (b"retry-after", b"1")),
        (NotAuthorized(), (b"www-authenticate", b'Bearer realm="duly"')),
        (MethodNotAllowed(method="PUT", allowed="GET, HEAD"), (b"allow", b"GET, HEAD")),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_answer_carries_the_header_that_its_status_asks_for(error, header):
    assert header in answer_to(error, "GET /").raw_headers


def test_text_that_cannot_be_sent_does_not_break_the_answer():
    error = PayloadRefused(path="$.\ud800", reason="x" * 100_000 + "\x00")

    answer = answer_to(error, "POST /jobs")

    assert len(answer.body) < 20_000
    assert problem_of(answer)["status"] == 422


def test_what_nobody_foresaw_is_logged_under_an_id_and_not_told(caplog):
    error = ValueError("select secret from hidden")

    with caplog.at_level(logging.ERROR, logger=problems.__name__):
        answer = answer_to(error, "POST '/jobs'")

    problem = problem_of(answer)
    name = problem["instance"].removeprefix("urn:uuid:")
    assert answer.status_code == 500
    assert b"secret" not in answer.body
    assert name in problem["detail"]
    assert name in caplog.text
    assert "select secret from hidden" in caplog.text


def test_a_job_that_is_not_there_is_named():
    problem = problem_of(answer_to(JobNotFound(job_id="x"), "GET /jobs/x"))

    assert problem["type"] == "urn:duly:problem:job-not-found"
    assert "no job x" in problem["detail"]

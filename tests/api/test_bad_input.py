"""Every kind of bad input gets the answer that http.md promises: never a 500, never half a job."""

from __future__ import annotations

import pytest

NO_JOB = "/jobs/01920000-0000-7000-8000-000000000000"
JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}
DEEP = b"[" * 65 + b"]" * 65


def job(fields):
    return b'{"job_type": "a", ' + fields + b"}"


MALFORMED = {
    "nothing": b"",
    "white space": b"  \n ",
    "half an object": b'{"job_type": "a"',
    "half a string": b'{"job_type": "a',
    "a trailing comma": b'{"job_type": "a",}',
    "two objects": b'{"job_type": "a"} {}',
    "single quotes": b"{'job_type': 'a'}",
    "a byte order mark": b'\xef\xbb\xbf{"job_type": "a"}',
    "UTF-16": '{"job_type": "a"}'.encode("utf-16"),
    "invalid UTF-8 in a field": b'{"job_type": "\xff"}',
    "invalid UTF-8 in the payload": job(b'"payload": {"a": "\xc3("}'),
    "a surrogate in UTF-8": job(b'"payload": "\xed\xa0\x80"'),
    "NaN": job(b'"payload": {"a": NaN}'),
    "Infinity": job(b'"payload": [Infinity]'),
    "minus Infinity": job(b'"payload": -Infinity'),
    "NaN in a field": job(b'"delay": NaN'),
    "a leading zero": job(b'"payload": 01'),
    "a plus sign": job(b'"payload": +1'),
    "a number that stops": job(b'"payload": 1.'),
    "a control character": job(b'"payload": "\x01"'),
    "a wrong escape": job(b'"payload": "\\x41"'),
    "a comment": job(b'"payload": 1 /* one */'),
    "a wrong field before the text ends": b'{"job_type": 1, "payload"',
}

REFUSED = {
    "null": (b"null", "$"),
    "an array": (b"[]", "$"),
    "a text": (b'"email"', "$"),
    "no job type": (b"{}", "$.job_type"),
    "a job type that is null": (b'{"job_type": null}', "$.job_type"),
    "a job type that is a number": (b'{"job_type": 1}', "$.job_type"),
    "an empty job type": (b'{"job_type": ""}', "$.job_type"),
    "a job type with a space": (b'{"job_type": "a b"}', "$.job_type"),
    "a job type that is too long": (b'{"job_type": "%b"}' % (b"a" * 201), "$.job_type"),
    "a job type with an end of line": (b'{"job_type": "a\\n"}', "$.job_type"),
    "a job type with U+0000": (b'{"job_type": "a\\u0000"}', "$.job_type"),
    "a job type with half a surrogate": (b'{"job_type": "\\ud800"}', "$.job_type"),
    "an unknown field": (job(b'"jobtype": "b"'), "$.jobtype"),
    "a field that only we may set": (job(b'"status": "done"'), "$.status"),
    "an id": (job(b'"id": "01920000-0000-7000-8000-000000000000"'), "$.id"),
    "U+0000 in the payload": (job(b'"payload": {"a": ["x\\u0000"]}'), "$.payload.a[0]"),
    "U+0000 in a key": (job(b'"payload": {"\\u0000": 1}'), "$.payload: the key '\\x00'"),
    "half a surrogate in the payload": (job(b'"payload": {"a": "\\udfff"}'), "$.payload.a"),
    "two halves in the wrong order": (job(b'"payload": "\\udc00\\ud800"'), "$.payload"),
    "a payload that is too deep": (job(b'"payload": ' + DEEP), "$.payload"),
    "a payload as deep as a pit": (job(b'"payload": ' + b"[" * 10**5 + b"]" * 10**5), "$"),
    "a number of 41 digits": (job(b'"payload": [%b]' % (b"1" * 41)), "$.payload[0]"),
    "a number of 5,000 digits": (job(b'"payload": %b' % (b"1" * 5000)), "$.payload"),
    "a number that no float holds": (job(b'"payload": 1e999'), "$.payload"),
    "more values than we look at": (job(b'"payload": [%b0]' % (b"0," * 10_000)), "$.payload"),
    "a queue with a slash first": (job(b'"queue": "/a"'), "$.queue"),
    "an empty queue": (job(b'"queue": ""'), "$.queue"),
    "a priority that is too low": (job(b'"priority": -101'), "$.priority"),
    "a priority that is too high": (job(b'"priority": 101'), "$.priority"),
    "a priority that is half": (job(b'"priority": 1.5'), "$.priority"),
    "a priority that is true": (job(b'"priority": true'), "$.priority"),
    "a priority that is huge": (job(b'"priority": %b' % (b"9" * 60)), "$.priority"),
    "no attempts": (job(b'"max_attempts": 0'), "$.max_attempts"),
    "a thousand attempts": (job(b'"max_attempts": 1000'), "$.max_attempts"),
    "attempts as text": (job(b'"max_attempts": "3"'), "$.max_attempts"),
    "a moment without offset": (job(b'"run_at": "2030-01-01T00:00:00"'), "$.run_at"),
    "a moment that is none": (job(b'"run_at": "2030-02-30T00:00:00Z"'), "$.run_at"),
    "a moment as a number": (job(b'"run_at": 1700000000'), "$.run_at"),
    "a moment before 2000": (job(b'"run_at": "1999-12-31T23:59:59Z"'), "$.run_at"),
    "a moment after 2200": (job(b'"run_at": "2201-01-01T00:00:00Z"'), "$.run_at"),
    "a moment before all": (job(b'"run_at": "0001-01-01T00:00:00+14:00"'), "$.run_at"),
    "a moment after all": (job(b'"run_at": "9999-12-31T23:59:59-14:00"'), "$.run_at"),
    "two names for one moment": (
        job(b'"run_at": "2030-01-01T00:00:00Z", "scheduled_at": "2030-01-01T00:00:00Z"'),
        "$.scheduled_at",
    ),
    "a moment and a delay": (job(b'"run_at": "2030-01-01T00:00:00Z", "delay": 1'), "$.delay"),
    "a delay into the past": (job(b'"delay": -1'), "$.delay"),
    "a delay of ten years": (job(b'"delay": 315360000'), "$.delay"),
    "a delay that no float holds": (job(b'"delay": 1e400'), "$.delay"),
    "an empty unique key": (job(b'"unique_key": ""'), "$.unique_key"),
    "a unique key that is too long": (job(b'"unique_key": "%b"' % (b"a" * 501)), "$.unique_key"),
    "a unique key with U+0000": (job(b'"unique_key": "\\u0000"'), "$.unique_key"),
    "one tag alone": (job(b'"tags": "a"'), "$.tags"),
    "a tag that is a number": (job(b'"tags": ["a", 1]'), "$.tags[1]"),
    "an empty tag": (job(b'"tags": ["a", ""]'), "$.tags[1]"),
    "a tag with U+0000": (job(b'"tags": ["\\u0000"]'), "$.tags[0]"),
    "21 tags": (job(b'"tags": [%b"a"]' % (b'"a",' * 20)), "$.tags"),
}

OTHERS = {
    "no such job": ("GET", NO_JOB, None, {}, 404, None),
    "attempts of no such job": ("GET", f"{NO_JOB}/attempts", None, {}, 404, None),
    "a result of no such job": ("GET", f"{NO_JOB}/result", None, {}, 404, None),
    "cancelling no such job": ("POST", f"{NO_JOB}/cancel", None, {}, 404, None),
    "retrying no such job": ("POST", f"{NO_JOB}/retry", b"{}", JSON, 404, None),
    "what is no UUID": ("GET", "/jobs/42", None, {}, 404, None),
    "a UUID without hyphens": ("GET", f"/jobs/{'0' * 32}", None, {}, 404, None),
    "a UUID in braces": ("GET", f"/jobs/%7B{'0' * 34}%7D", None, {}, 404, None),
    "U+0000 for an id": ("GET", "/jobs/%00", None, {}, 404, None),
    "invalid UTF-8 for an id": ("GET", "/jobs/%ff", None, {}, 404, None),
    "a way out of the path": ("GET", "/jobs/..%2f..%2fetc%2fpasswd", None, {}, 404, None),
    "a very long id": ("GET", "/jobs/" + "a" * 8000, None, {}, 404, None),
    "no such route": ("GET", "/nowhere", None, {}, 404, None),
    "a slash too many": ("GET", "/jobs/", None, {}, 404, None),
    "the root": ("GET", "/", None, {}, 404, None),
    "deleting a job": ("DELETE", NO_JOB, None, {}, 405, None),
    "putting a job": ("PUT", "/jobs", b"{}", JSON, 405, None),
    "posting to the events": ("POST", "/events", b"{}", JSON, 405, None),
    "reading the batch": ("GET", "/jobs/batch", None, {}, 405, None),
    "asking what CORS allows": ("OPTIONS", "/jobs", None, {}, 405, None),
    "a method of nobody": ("PROPFIND", "/jobs", None, {}, 405, None),
    "an unknown filter": ("GET", "/jobs?state=done", None, {}, 422, "?state"),
    "an unknown status": ("GET", "/jobs?status=running", None, {}, 422, "?status"),
    "a filter given twice": ("GET", "/jobs?queue=a&queue=b", None, {}, 422, "?queue"),
    "a limit of none": ("GET", "/jobs?limit=0", None, {}, 422, "?limit"),
    "a limit that is too high": ("GET", "/jobs?limit=1001", None, {}, 422, "?limit"),
    "a limit in words": ("GET", "/jobs?limit=ten", None, {}, 422, "?limit"),
    "U+0000 in a filter": ("GET", "/jobs?tag=%00", None, {}, 422, "?tag"),
    "a cursor of our own making": ("GET", "/jobs?cursor=next", None, {}, 422, "?cursor"),
    "a filter where none is": ("GET", f"{NO_JOB}?full=1", None, {}, 422, "?full"),
    "a parameter on submission": ("POST", "/jobs?dry=1", b"{}", JSON, 422, "?dry"),
    "events of what is no job": ("GET", "/events?job_id=42", None, {}, 422, "?job_id"),
    "events after nowhere": ("GET", "/events?after=yesterday", None, {}, 422, "?after"),
    "events of no status": ("GET", "/events?status=x", None, {}, 422, "?status"),
    "events after a wrong id": (
        "GET",
        "/events",
        None,
        {"Last-Event-ID": "x"},
        422,
        "last-event-id",
    ),
    "a form": ("POST", "/jobs", b"job_type=a", {"Content-Type": "text/plain"}, 415, None),
    "JSON that is called a form": (
        *("POST", "/jobs", job(b'"queue": "a"')),
        *({"Content-Type": "application/x-www-form-urlencoded"}, 415, None),
    ),
    "JSON in another character set": (
        *("POST", "/jobs", job(b'"queue": "a"')),
        *({"Content-Type": "application/json; charset=latin1"}, 415, None),
    ),
    "lines where one job is expected": ("POST", "/jobs", b"{}", LINES, 415, None),
    "a batch that is XML": (
        "POST",
        "/jobs/batch",
        b"<a/>",
        {"Content-Type": "text/xml"},
        415,
        None,
    ),
    "a reason to cancel": ("POST", f"{NO_JOB}/cancel", b'{"why": 1}', JSON, 422, "$.why"),
    "half a reason to cancel": ("POST", f"{NO_JOB}/cancel", b'{"why', JSON, 400, "$"),
    "a batch that is one job": ("POST", "/jobs/batch", b'{"job_type": "a"}', JSON, 422, "$"),
    "a batch with half a job": ("POST", "/jobs/batch", b'[{"job_type": "a"}, {', JSON, 400, "$"),
    "a batch with a wrong job": (
        *("POST", "/jobs/batch", b'[{"job_type": "a"}, {"job_type": "a", "priority": 500}]'),
        *(JSON, 422, "$[1].priority"),
    ),
    "a batch with a wrong name": (
        *("POST", "/jobs/batch", b'[{"job_type": "a"}, {"job_type": "a", "tags": ["\\u0000"]}]'),
        *(JSON, 422, "$[1].tags[0]"),
    ),
    "a batch with a wrong payload": (
        *("POST", "/jobs/batch", b'[{"job_type": "a", "payload": {"x": ["\\u0000"]}}]'),
        *(JSON, 422, "$[0].payload.x[0]"),
    ),
    "lines with a wrong line": (
        *("POST", "/jobs/batch", b'{"job_type": "a"}\n\n{"job_type": "a", "x": 1}\n'),
        *(LINES, 422, "$[1].x"),
    ),
    "lines with half a line": (
        "POST",
        "/jobs/batch",
        b'{"job_type": "a"}\n{"job',
        LINES,
        400,
        "$[1]",
    ),
}


def check_problem(reply, status, path):
    """The answer is a problem, and says what it must."""
    problem = reply.json
    assert (reply.status, problem.get("path")) == (status, path), problem
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"].startswith("urn:duly:problem:")
    assert problem["title"]
    assert problem["detail"]
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_is_no_json_is_answered_400(server, body):
    reply = server.call("POST", "/jobs", body, JSON)

    check_problem(reply, 400, "$")


@pytest.mark.parametrize(("body", "path"), REFUSED.values(), ids=REFUSED)
def test_a_body_that_does_not_fit_is_answered_422_with_the_path(server, body, path):
    reply = server.call("POST", "/jobs", body, JSON)

    check_problem(reply, 422, path)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "at"), OTHERS.values(), ids=OTHERS
)
def test_everything_else_that_is_amiss_has_its_answer(
    server, method, path, body, headers, status, at
):
    reply = server.call(method, path, body, headers)

    check_problem(reply, status, at)


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 256, "a\tb"])
def test_an_idempotency_key_that_is_no_key_is_refused(server, key):
    reply = server.call("POST", "/jobs", b'{"job_type": "a"}', {"Idempotency-Key": key.encode()})

    check_problem(reply, 422, "idempotency-key")


def test_the_methods_that_are_possible_are_named(server):
    reply = server.call("DELETE", "/jobs")

    assert reply.headers["Allow"] == "GET, HEAD, POST"


def test_nothing_that_was_refused_left_a_job_behind(server):
    tag = "refused-as-a-whole"
    good = b'{"job_type": "a", "tags": ["%b"]}' % tag.encode()
    for bad, _ in REFUSED.values():
        assert (
            server.call("POST", "/jobs/batch", b"[" + good + b"," + bad + b"]", JSON).status == 422
        )
    for bad in MALFORMED.values():
        assert server.call("POST", "/jobs/batch", good + b"\n" + bad, LINES).status in (400, 201)

    found = server.call("GET", f"/jobs?tag={tag}&limit=1000").json

    blank = [bad for bad in MALFORMED.values() if not bad.strip()]
    assert len(found) == len(blank)


@pytest.mark.parametrize("size", [1_048_577, 3_000_000])
def test_a_body_over_the_limit_is_answered_413(server, size):
    reply = server.call("POST", "/jobs", b" " * size, JSON)

    check_problem(reply, 413, None)


def test_a_body_at_the_limit_is_read(server):
    body = b'{"job_type": "a"}'

    reply = server.call("POST", "/jobs", body + b" " * (1_048_576 - len(body)), JSON)

    assert reply.status == 201


def test_a_body_that_never_ends_is_answered_413_before_it_does(server):
    head = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    answer = server.raw(head + chunk * 17)

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"urn:duly:problem:body-too-large" in answer


def test_a_declared_length_over_the_limit_is_not_waited_for(server):
    head = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999999\r\n\r\n"

    answer = server.raw(head)

    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_batch_may_be_larger_than_a_job(server):
    jobs = [b'{"job_type": "a", "payload": "%b"}' % (b"x" * 1_000_000)] * 3

    reply = server.call("POST", "/jobs/batch", b"[" + b",".join(jobs) + b"]", JSON)

    assert reply.status == 201
    assert len(reply.json) == 3


def test_a_client_that_sends_in_pieces_is_understood(server):
    pieces = iter([b'{"job', b'_type": ', b'"a"}'])

    reply = server.call("POST", "/jobs", pieces, {**JSON, "Transfer-Encoding": "chunked"})

    assert reply.status == 201


def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(server):
    tag = "hung-up"
    body = b'{"job_type": "a", "tags": ["%b"]}' % tag.encode()
    length = len(body) + 1
    head = b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % length

    with server.connect() as connection:
        connection.sendall(head + body)

    assert server.call("GET", f"/jobs?tag={tag}").json == []

"""Two thousand requests made up from openapi.json: no 5xx, and nothing that is not documented."""

from __future__ import annotations

import collections
import time

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

REQUESTS = 2_000
SHARE = 150
SEED = 20_260_101
PATIENCE = 30
LONGEST = 240.0
EVENTS = "/events"


def operations(server):
    """Every operation that the document of the running server has."""
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    return [found.ok() for found in schema.get_all_operations()]


def send(case, server, session):
    """Send a request; of a stream, which has no end, only the beginning is read."""
    if case.operation.path != EVENTS:
        return case.call(base_url=server.url, session=session, timeout=PATIENCE)
    arguments = case.as_transport_kwargs(base_url=server.url)
    with requests.request(**arguments, stream=True, timeout=PATIENCE) as answer:
        if answer.status_code == 200:
            answer._content = next(answer.iter_content(None))  # it has no end to read to
        else:
            assert answer.content
    return answer


def hammer(operation, mode, server, seen, **known):
    """Make up and send requests for one operation, and check each answer.

    Not every rule can be said in a schema (`run_at` or `delay`, but not both), so what fits the
    schema may be refused all the same.
    """
    session = requests.Session()

    @hypothesis.seed(SEED)
    @hypothesis.settings(
        max_examples=SHARE,
        database=None,
        deadline=None,
        derandomize=False,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(case=operation.as_strategy(mode, **known))
    def check(case):
        answer = send(case, server, session)
        seen[answer.status_code] += 1
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])

    check()
    session.close()


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisDeprecationWarning")  # not ours
def test_two_thousand_made_up_requests_get_documented_answers(server):
    found = operations(server)
    seen = collections.Counter()
    job = {"job_id": server.submit(delay=3600)["id"]}
    started = time.monotonic()

    for operation in found:
        known = {"path_parameters": job} if "{" in operation.path else {}
        hammer(operation, GenerationMode.POSITIVE, server, seen, **known)
        if any(operation.iter_parameters()) or operation.body:
            hammer(operation, GenerationMode.NEGATIVE, server, seen)

    assert len(found) >= 12
    assert seen.total() >= REQUESTS, seen
    assert time.monotonic() - started < LONGEST
    assert not [status for status in seen if status >= 500], seen
    assert {200, 201, 404, 409, 422} <= set(seen)

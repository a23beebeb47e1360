"""The life of a job, as the table tells it."""

from __future__ import annotations

import pytest

from duly.jobs.lifecycle import BY_VERB, TRANSITIONS, VERBS, is_allowed, sources_of
from duly.jobs.status import JobStatus

PENDING, PROCESSING, DONE, FAILED, CANCELLED = JobStatus


def test_every_verb_stands_in_the_table_once():
    assert len(BY_VERB) == len(TRANSITIONS) == len(VERBS)
    assert list(VERBS) == [transition.verb for transition in TRANSITIONS]


def test_every_status_can_be_reached_and_left():
    reached = set().union(*(transition.targets for transition in TRANSITIONS))
    left = set().union(*(transition.sources for transition in TRANSITIONS))

    assert reached == left == set(JobStatus)


def test_a_job_that_has_ended_is_moved_by_a_retry_and_nothing_else():
    for status in JobStatus:
        verbs = {verb for verb in VERBS if is_allowed(verb, status)}

        assert (verbs == {"retry"}) is status.is_final


def test_only_a_claim_counts_as_an_attempt():
    assert [one.verb for one in TRANSITIONS if one.counts_attempt] == ["claim"]


def test_only_what_was_claimed_can_be_done():
    assert [one.verb for one in TRANSITIONS if DONE in one.targets] == ["complete"]
    assert BY_VERB["complete"].sources == {PROCESSING}


@pytest.mark.parametrize(
    ("verb", "status", "allowed"),
    [
        ("cancel", PENDING, True),
        ("cancel", PROCESSING, True),
        ("cancel", DONE, False),
        ("retry", FAILED, True),
        ("retry", PENDING, False),
        ("retry", PROCESSING, False),
        ("claim", PROCESSING, False),
        ("enqueue", DONE, False),
    ],
)
def test_a_verb_is_allowed_from_its_sources_only(verb, status, allowed):
    assert is_allowed(verb, status) is allowed


def test_the_sources_of_a_verb_read_as_words():
    assert sources_of("claim") == "pending"
    assert sources_of("cancel") == "pending or processing"
    assert sources_of("retry") == "done, failed or cancelled"


def test_a_status_is_the_word_that_clients_see():
    assert [str(status) for status in JobStatus] == [
        "pending", "processing", "done", "failed", "cancelled",
    ]  # fmt: skip

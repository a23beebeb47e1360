"""The answers of a handler other than a result."""

from __future__ import annotations

import pytest

from duly.jobs.outcome import Cancel, Discard, Outcome, RetryAfter, Snooze


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Snooze(90), "snoozed for 90 s"),
        (Discard("no such address"), "no such address"),
        (Cancel(), "cancelled by its handler"),
        (Cancel("withdrawn"), "withdrawn"),
        (RetryAfter(5), "asked to come back later"),
        (RetryAfter(5, "too many requests"), "too many requests"),
    ],
    ids=repr,
)
def test_an_outcome_can_be_raised_and_says_what_it_means(outcome, text):
    with pytest.raises(Outcome) as raised:
        raise outcome

    assert str(raised.value) == text


@pytest.mark.parametrize("outcome", [Snooze, RetryAfter])
def test_nobody_waits_a_negative_time(outcome):
    assert outcome(-3).seconds == 0
    assert outcome(2).seconds == 2.0


@pytest.mark.parametrize("outcome", [Snooze, RetryAfter])
@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e300])
def test_a_time_that_no_calendar_holds_is_refused_where_it_is_written(outcome, seconds):
    with pytest.raises(ValueError, match="seconds"):
        outcome(seconds)

"""How long a job waits after a failure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duly.jobs.backoff import JITTER, LONGEST, backoff

SPREADS = st.floats(min_value=0, max_value=1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 1), (2, 5), (3, 25), (4, 125), (5, 300), (6, 300), (100, 300)]
)
def test_the_wait_grows_fivefold_up_to_five_minutes(attempt, seconds):
    assert backoff(attempt, spread=0) == seconds


@given(attempt=st.integers(min_value=1, max_value=2**31), spread=SPREADS)
def test_at_most_a_tenth_is_added(attempt, spread):
    least = backoff(attempt, spread=0)

    assert least <= backoff(attempt, spread=spread) <= least * (1 + JITTER)


@given(attempt=st.integers(min_value=1, max_value=100), spread=SPREADS)
def test_a_later_attempt_never_waits_shorter(attempt, spread):
    wait = backoff(attempt, spread=spread)

    assert 1 <= wait <= backoff(attempt + 1, spread=spread) <= LONGEST * (1 + JITTER)


@given(attempt=st.integers(max_value=0))
def test_an_attempt_below_the_first_waits_like_the_first(attempt):
    assert backoff(attempt, spread=0) == 1


def test_jobs_that_failed_together_come_back_apart():
    waits = {backoff(3) for _ in range(50)}

    assert len(waits) > 1
    assert all(25 <= wait <= 27.5 for wait in waits)

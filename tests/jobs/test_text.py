"""Free text that PostgreSQL can store."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from duly.jobs.text import LONGEST_BYTES, clean_text

# Every code point, the lone surrogates included.
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()))


@given(text=ANY_TEXT, longest=st.integers(min_value=0, max_value=100))
def test_clean_text_can_always_be_stored_and_never_exceeds_its_limit(text, longest):
    cleaned = clean_text(text, longest=longest)

    assert len(cleaned.encode()) <= longest
    assert "\x00" not in cleaned


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_text_that_fits_is_kept_as_it_is(text):
    assert clean_text(text, longest=4 * len(text)) == text


@given(text=ANY_TEXT)
def test_only_what_cannot_be_stored_is_replaced(text):
    cleaned = clean_text(text)

    assert len(cleaned) == len(text)
    assert all(
        new == old or (new == "\ufffd" and (old == "\x00" or "\ud800" <= old <= "\udfff"))
        for old, new in zip(text, cleaned, strict=True)
    )


def test_text_that_is_too_long_loses_its_middle():
    text = "the beginning " + "ä" * 10_000 + " and the cause"

    cleaned = clean_text(text)

    assert len(cleaned.encode()) in {LONGEST_BYTES, LONGEST_BYTES - 1, LONGEST_BYTES - 2}
    assert cleaned.startswith("the beginning ä")
    assert " […] " in cleaned
    assert cleaned.endswith("ä and the cause")


def test_a_letter_is_never_cut_in_half():
    assert clean_text("😀" * 10, longest=6) == "😀"
    assert clean_text("😀" * 10, longest=16) == "😀 […] 😀"

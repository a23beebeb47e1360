"""The plain text of HTML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duly.handlers.mail.plain_text import plain_text


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", "\n"),
        ("Hi", "Hi\n"),
        ("<p>Hi <b>Ada</b>,</p>\n<p>bye</p>", "Hi Ada,\nbye\n"),
        ("a<br>b<BR/>c", "a\nb\nc\n"),
        ("<ul><li>one<li>two</ul>", "one\ntwo\n"),
        ("1 &lt; 2 &amp; 3", "1 < 2 & 3\n"),
        ("1 < 2 and 3", "1 < 2 and 3\n"),
        ("<style>p { color: red }</style>x<script>if (a<b) c()</script>y", "xy\n"),
        ("<head><title>No</title></head><body>yes</body>", "yes\n"),
        ("a<!-- <p>no</p> -->b<!-- open", "ab\n"),
        ("<!doctype html><p>x", "x\n"),
        ("<header>top</header>", "top\n"),
        ("<a href='x'>link</a> and <p", "link and <p\n"),
    ],
)
def test_the_text_between_the_tags_is_kept(markup, text):
    assert plain_text(markup) == text


@given(st.text(st.sampled_from("<>!-/script&;a\n "), max_size=200))
def test_any_markup_gives_some_text(markup):
    assert plain_text(markup).endswith("\n")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ["<", "<script", "<!--", "<script><", "<p ", "</", "&", "< "])
def test_a_megabyte_of_broken_markup_takes_no_time(piece):
    markup = piece * (1_000_000 // len(piece))

    assert plain_text(markup).endswith("\n")

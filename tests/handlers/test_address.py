"""What counts as one e-mail address."""

from __future__ import annotations

from email.header import decode_header, make_header
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duly.handlers.mail.address import CONTROLS, Mailbox, read_mailbox
from duly.jobs.outcome import Discard


@pytest.mark.parametrize(
    ("text", "spec", "name"),
    [
        ("ada@example.org", "ada@example.org", ""),
        (" ada@example.org ", "ada@example.org", ""),
        ("a@x", "a@x", ""),
        ("<ada@example.org>", "ada@example.org", ""),
        ("Ada <ada@example.org>", "ada@example.org", "Ada"),
        ("Ada (King) <ada@example.org>", "ada@example.org", "Ada (King)"),
        ('"King, Ada" <ada@example.org>', "ada@example.org", "King, Ada"),
        (r'"a \"b\" c" <ada@example.org>', "ada@example.org", 'a "b" c'),
        ('"x@y.z" <ada@example.org>', "ada@example.org", "x@y.z"),
        ("o'hara+tag=1@example.org", "o'hara+tag=1@example.org", ""),
        ('"ada king"@example.org', '"ada king"@example.org', ""),
        ("ada@[192.0.2.1]", "ada@[192.0.2.1]", ""),
        ("ada@bücher.example", "ada@xn--bcher-kva.example", ""),
        ("ada@straße.example", "ada@xn--strae-oqa.example", ""),
        ("jürgen@example.org", "jürgen@example.org", ""),
    ],
)
def test_one_address_is_read(text, spec, name):
    mailbox = read_mailbox(text, "to")

    assert mailbox == Mailbox(spec, name)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "ada", "ada@", "@example.org", "<>", "Ada <>", "Ada",
        "a@x, b@y", "a@x b@y", "a@x;b@y", "a@x,b@y", "<a@x>, <b@y>", "<a@x> <b@y>", "a@x <b@y>",
        "a@b@x", "Ada <a@x> junk", "Team: a@x;", "King, Ada <a@x>", "(a@x)", "a b@x", "a@x y",
        ".a@x", "a.@x", "a..b@x", "a@.x", "a@x..y", "a@-x", "a@x-", "a@x_y", "a@x.org.",
        "a@[x", "a@" + "x" * 64, "a" * 65 + "@x", "a@" + ".".join(["x" * 60] * 5),
        "\u00fc" * 33 + "@x", "a@\ufffd", "a@x> SIZE=1", "<a@x> NOTIFY=NEVER", "a\u00a0b@x",
        '"a@x', '"a"b@x', "a\\@x", r'"a\"b"@x', r'"a\b"@x',
    ],
)  # fmt: skip
def test_what_is_not_one_address_is_refused(text):
    with pytest.raises(Discard, match=r"^to: .* is not one e-mail address$"):
        read_mailbox(text, "to")


@pytest.mark.parametrize(
    "control", ["\r", "\n", "\r\n", "\0", "\t", "\x0b", "\x7f", "\x85", "\u2028"]
)
@pytest.mark.parametrize("text", ["a@x{}", "{}a@x", "a{}@x", "Ada{}Bcc: b@y <a@x>", '"A{}" <a@x>'])
def test_a_control_character_is_refused(text, control):
    with pytest.raises(Discard, match="to: holds a line break"):
        read_mailbox(text.format(control), "to")


names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=80).filter(
    lambda name: not CONTROLS.search(name) and name == " ".join(name.split())
)


@given(st.lists(names, min_size=1, max_size=5))
def test_whatever_the_names_are_a_mail_program_reads_the_same_addresses(names):
    mailboxes = [Mailbox(f"user{n}@example.org", name) for n, name in enumerate(names)]

    header = ",\r\n ".join(mailbox.header for mailbox in mailboxes)

    unfolded = header.encode("ascii").decode().replace("\r\n", "")
    read = [
        (str(make_header(decode_header(name))), spec) for name, spec in getaddresses([unfolded])
    ]
    assert read == [(mailbox.name, mailbox.spec) for mailbox in mailboxes]
    assert all(len(line) <= 998 for line in header.split("\r\n"))

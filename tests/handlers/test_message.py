"""How a payload becomes a message."""

from __future__ import annotations

import email
import email.policy
import re
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duly.handlers.mail.address import CONTROLS
from duly.handlers.mail.message import DEFAULT_SUBJECT, DEFAULT_TEXT, EmailPayload, compose
from duly.jobs.outcome import Discard

JOB = UUID("01990000-0000-7000-8000-000000000001")
FROM = "App <no-reply@example.org>"


def composed(**payload):
    return compose(EmailPayload(**{"to": "ada@example.org", **payload}), FROM, JOB)


def parsed(envelope):
    unix = envelope.content.replace(b"\r\n", b"\n")
    return email.message_from_bytes(unix, policy=email.policy.default)


def test_a_payload_of_only_an_address_has_a_subject_and_a_text():
    envelope = composed()

    message = parsed(envelope)
    assert message["Subject"] == DEFAULT_SUBJECT
    assert message.get_content() == DEFAULT_TEXT
    assert message["From"] == "App <no-reply@example.org>"
    assert message["To"] == "ada@example.org"
    assert message["Date"].datetime is not None


def test_every_field_reaches_the_message():
    envelope = composed(
        sender="Shop <shop@example.net>", to=["Ada <ada@example.org>", "ben@example.org"],
        cc="cat@example.org", reply_to="Help <help@example.net>", subject="Grüße, Ada",
        text="Hallo\n.\nAda", html="<p>Hallo <b>Ada</b></p>",
    )  # fmt: skip

    message = parsed(envelope)
    assert envelope.sender == "shop@example.net"
    assert envelope.recipients == ["ada@example.org", "ben@example.org", "cat@example.org"]
    assert message["To"] == "Ada <ada@example.org>, ben@example.org"
    assert message["Cc"] == "cat@example.org"
    assert message["Reply-To"] == "Help <help@example.net>"
    assert message["Subject"] == "Grüße, Ada"
    assert message.get_body(["plain"]).get_content() == "Hallo\n.\nAda\n"
    assert message.get_body(["html"]).get_content() == "<p>Hallo <b>Ada</b></p>\n"


def test_a_field_that_is_null_is_as_good_as_absent():
    given_null = composed(subject=None, text=None, html=None, cc=None, bcc=None, reply_to=None)

    assert parsed(given_null).as_string() == parsed(composed()).as_string()


def test_a_blind_copy_is_in_the_envelope_only():
    envelope = composed(bcc=["secret@example.org"])

    assert "secret@example.org" in envelope.recipients
    assert b"secret" not in envelope.content
    assert b"bcc" not in envelope.content.lower()


def test_a_recipient_who_is_named_twice_gets_one():
    envelope = composed(to=["ada@example.org", "Ada <ada@example.org>"], bcc="ada@example.org")

    assert envelope.recipients == ["ada@example.org"]


@pytest.mark.parametrize("domain", ["example.org", "a" * 60 + "." + "b" * 60 + ".example"])
def test_the_message_id_is_made_of_the_job_on_one_line(domain):
    envelope = composed(sender=f"shop@{domain}")

    assert envelope.message_id == f"<{JOB}@{domain}>"
    assert f"\r\nMessage-ID: {envelope.message_id}\r\n".encode() in envelope.content


def test_html_alone_gets_a_plain_text():
    message = parsed(composed(html="<h1>Hi</h1><p>Ada &amp; Ben</p>"))

    assert message.get_body(["plain"]).get_content() == "Hi\nAda & Ben\n"


@pytest.mark.parametrize(
    "text", ["Grüße " * 300, "x" * 5000, "日本\n" * 100, "a\rb\r\nc\n.\n.\r\n", "From me\n"]
)
def test_a_body_is_ascii_on_short_lines_and_reads_as_it_was_given(text):
    envelope = composed(text=text, html=f"<pre>{text}</pre>")

    assert envelope.content.isascii()
    assert max(map(len, envelope.content.split(b"\r\n"))) <= 998
    read = parsed(envelope).get_body(["plain"]).get_content()
    assert read.splitlines() == text.splitlines()


@pytest.mark.parametrize("field", ["to", "cc", "bcc", "reply_to", "sender", "subject"])
@pytest.mark.parametrize(
    "control", ["\r", "\n", "\r\nBcc: evil@example.org", "\0", "\u2028", "\x0b"]
)
def test_a_line_break_in_a_header_or_the_envelope_is_refused(field, control):
    with pytest.raises(Discard, match="holds a line break"):
        composed(**{field: f"ada@example.org{control}"})


@pytest.mark.parametrize("field", ["text", "html"])
def test_a_body_with_nul_is_refused(field):
    with pytest.raises(Discard, match=f"^{field}: holds U"):
        composed(**{field: "a\0b"})


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"to": []}, "to: at least one address is needed"),
        ({"to": ["a@x", "a@x,b@y"]}, "to: 'a@x,b@y' is not one e-mail address"),
        ({"to": [f"u{n}@x" for n in range(51)]}, "to: at most 50 addresses, but there are 51"),
        (
            {"to": [f"u{n}@x" for n in range(50)], "bcc": "b@x"},
            "to, cc and bcc: at most 50 recipients, but there are 51",
        ),
        ({"sender": ""}, "from: '' is not one e-mail address"),
        ({"subject": "x" * 1001}, "subject: longer than 1000 characters"),
    ],
)
def test_what_may_not_be_sent_is_refused_by_the_name_of_its_field(payload, said):
    with pytest.raises(Discard) as caught:
        composed(**payload)

    assert caught.value.reason == said


def test_a_sender_of_the_settings_that_is_no_address_is_named():
    with pytest.raises(Discard, match="^FROM_EMAIL: 'App' is not one e-mail address"):
        compose(EmailPayload(to="ada@example.org"), "App", JOB)


def test_fifty_recipients_are_not_too_many():
    envelope = composed(to=[f"u{n}@x" for n in range(50)])

    assert len(envelope.recipients) == 50


@pytest.mark.parametrize(
    ("payload", "needed"),
    [
        ({"to": "Jürgen <j@bücher.example>"}, False),
        ({"bcc": "jürgen@example.org"}, True),
        ({"reply_to": "jürgen@example.org"}, True),
        ({"sender": "jürgen@example.org"}, True),
    ],
)
def test_only_letters_before_the_at_sign_need_a_server_for_them(payload, needed):
    assert composed(**payload).needs_utf8 is needed


subjects = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300).filter(
    lambda text: not CONTROLS.search(text) and text == " ".join(text.split())
)


@given(subjects)
def test_whatever_the_subject_is_a_mail_program_reads_the_same(subject):
    envelope = composed(subject=subject)

    head = envelope.content.partition(b"\r\n\r\n")[0]
    assert parsed(envelope)["Subject"] == (subject or None)
    assert all(len(line) <= 78 for line in head.split(b"\r\n"))
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", envelope.content)

"""An e-mail message, put together from a payload; refuses what would break out of a header."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Annotated
from uuid import UUID

import msgspec

from ...jobs.outcome import Discard
from .address import CONTROLS, Mailbox, encoded, read_mailbox
from .plain_text import plain_text

DEFAULT_SUBJECT = "A message for you"
DEFAULT_TEXT = "This message was sent to you by a background job; it has no text of its own.\n"
MOST_RECIPIENTS = 50
LONGEST_SUBJECT = 1_000
LONGEST_LINE = 76

# No server has to take bytes beyond ASCII in a body, so there are none.
BODY = SMTP.clone(cte_type="7bit")

Addresses = str | list[str]


class EmailPayload(msgspec.Struct, kw_only=True, rename={"sender": "from"}):
    """What an e-mail job is given. Only `to` is required; fields that are not known are ignored."""

    to: Addresses
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    reply_to: Addresses | None = None
    cc: Addresses | None = None
    bcc: Addresses | None = None
    sender: Annotated[str | None, msgspec.Meta(description="overrides FROM_EMAIL")] = None


class Envelope(msgspec.Struct, frozen=True):
    """A message as it goes to the server: from whom, to whom, and its bytes."""

    sender: str
    recipients: list[str]
    content: bytes
    message_id: str
    needs_utf8: bool


def compose(payload: EmailPayload, from_email: str, job_id: UUID) -> Envelope:
    """The message of a job. Raises Discard, which names the field, for what may not be sent.

    The Message-ID is made of the job's id, so that it is the same at every attempt.
    """
    sender = (
        read_mailbox(from_email, "FROM_EMAIL")
        if payload.sender is None
        else read_mailbox(payload.sender, "from")
    )
    lists = {
        field: _mailboxes(given, field)
        for field, given in (
            ("to", payload.to),
            ("cc", payload.cc),
            ("bcc", payload.bcc),
            ("reply_to", payload.reply_to),
        )
    }
    recipients = _recipients(lists)
    message_id = f"<{job_id}@{sender.domain}>"
    headers = {
        "From": sender.header,
        "To": _joined(lists["to"]),
        "Cc": _joined(lists["cc"]),
        "Reply-To": _joined(lists["reply_to"]),
        "Subject": _subject(payload.subject),
        "Date": formatdate(),
        "Message-ID": message_id,
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
    shown = [sender.spec, *recipients, *(one.spec for one in lists["reply_to"])]
    return Envelope(
        sender=sender.spec,
        recipients=recipients,
        content=head.encode() + _body(payload),
        message_id=message_id,
        needs_utf8=not all(spec.isascii() for spec in shown),
    )


def _mailboxes(given: Addresses | None, field: str) -> list[Mailbox]:
    several = [given] if isinstance(given, str) else given or []
    if len(several) > MOST_RECIPIENTS:
        raise Discard(f"{field}: at most {MOST_RECIPIENTS} addresses, but there are {len(several)}")
    return [read_mailbox(text, field) for text in several]


def _recipients(lists: dict[str, list[Mailbox]]) -> list[str]:
    """Everybody once, in the order of the payload."""
    if not lists["to"]:
        raise Discard("to: at least one address is needed")
    everybody = dict.fromkeys(one.spec for field in ("to", "cc", "bcc") for one in lists[field])
    if len(everybody) > MOST_RECIPIENTS:
        raise Discard(
            f"to, cc and bcc: at most {MOST_RECIPIENTS} recipients, but there are {len(everybody)}"
        )
    return list(everybody)


def _joined(mailboxes: list[Mailbox]) -> str:
    """One mailbox on a line, which keeps every line short and folds nowhere else."""
    return ",\r\n ".join(mailbox.header for mailbox in mailboxes)


def _subject(given: str | None) -> str:
    subject = DEFAULT_SUBJECT if given is None else given
    if CONTROLS.search(subject):
        raise Discard("subject: holds a line break or another control character")
    if len(subject) > LONGEST_SUBJECT:
        raise Discard(f"subject: longer than {LONGEST_SUBJECT} characters")
    fits = len("Subject: ") + len(subject) <= LONGEST_LINE
    return subject if subject.isascii() and fits and "=?" not in subject else encoded(subject)


def _body(payload: EmailPayload) -> bytes:
    for field, text in (("text", payload.text), ("html", payload.html)):
        if text is not None and "\x00" in text:
            raise Discard(f"{field}: holds U+0000")
    body = EmailMessage(policy=BODY)
    try:
        if payload.html is None:
            body.set_content(payload.text or DEFAULT_TEXT)
        else:
            body.set_content(payload.text or plain_text(payload.html))
            body.add_alternative(payload.html, subtype="html")
        return body.as_bytes()
    except UnicodeEncodeError as error:
        raise Discard(f"text or html: cannot be written as mail ({error.reason})") from None

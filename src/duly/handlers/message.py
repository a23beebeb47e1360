"""An e-mail message, put together from a payload; refuses what would break out of a header."""

from __future__ import annotations

import html
import re
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, parseaddr
from typing import Annotated
from uuid import UUID

import msgspec

from ..jobs.outcome import Discard

DEFAULT_SUBJECT = "A message for you"
DEFAULT_TEXT = "This message was sent to you by a background job; it has no text of its own.\n"
MOST_RECIPIENTS = 50
BREAKS = re.compile(r"[\r\n\x00]")

Addresses = str | list[str]


class EmailPayload(msgspec.Struct, kw_only=True, rename={"sender": "from"}):
    """What an e-mail job is given. Only `to` is required; fields that are not known are ignored."""

    to: Addresses
    subject: str = DEFAULT_SUBJECT
    text: str | None = None
    html: str | None = None
    reply_to: Addresses = []
    cc: Addresses = []
    bcc: Addresses = []
    sender: Annotated[str | None, msgspec.Meta(description="overrides FROM_EMAIL")] = None


class Envelope(msgspec.Struct, frozen=True):
    """A message as it goes to the server: to whom, from whom, and its bytes."""

    sender: str
    recipients: list[str]
    content: bytes
    message_id: str
    needs_utf8: bool


def compose(payload: EmailPayload, from_email: str, job_id: UUID) -> Envelope:
    """The message of a job. Raises Discard, which names the field, for what may not be sent.

    The Message-ID is made of the job's id, so that it is the same at every attempt.
    """
    sender = _address(payload.sender or from_email, "from")
    to, cc = _addresses(payload.to, "to"), _addresses(payload.cc, "cc")
    bcc, reply_to = _addresses(payload.bcc, "bcc"), _addresses(payload.reply_to, "reply_to")
    recipients = list(dict.fromkeys(one.addr_spec for one in (*to, *cc, *bcc)))
    if not to:
        raise Discard("to: at least one address is needed")
    if len(recipients) > MOST_RECIPIENTS:
        raise Discard(f"to: at most {MOST_RECIPIENTS} recipients, but there are {len(recipients)}")
    if BREAKS.search(payload.subject):
        raise Discard("subject: holds a line break or U+0000")
    needs_utf8 = not all(one.isascii() for one in (sender.addr_spec, *recipients))
    message = EmailMessage(policy=SMTPUTF8 if needs_utf8 else SMTP)
    message_id = f"<{job_id}@{sender.domain}>"
    try:
        message["From"], message["To"] = sender, to
        for name, several in (("Cc", cc), ("Reply-To", reply_to)):
            if several:
                message[name] = several
        message["Subject"] = payload.subject
        message["Date"], message["Message-ID"] = formatdate(), message_id
        _fill(message, payload)
        content = message.as_bytes()
    except (MessageError, ValueError, UnicodeError) as error:
        raise Discard(f"the message cannot be put together: {error}") from None
    return Envelope(sender.addr_spec, recipients, content, message_id, needs_utf8)


def _fill(message: EmailMessage, payload: EmailPayload) -> None:
    for name, text in (("text", payload.text), ("html", payload.html)):
        if text is not None and "\x00" in text:
            raise Discard(f"{name}: holds U+0000")
    if payload.html is None:
        message.set_content(payload.text or DEFAULT_TEXT)
        return
    message.set_content(payload.text or text_of(payload.html))
    message.add_alternative(payload.html, subtype="html")


def text_of(markup: str) -> str:
    """A plain text for readers who do not see HTML."""
    bare = re.sub(r"(?is)<(script|style|head)\b.*?</\1>", "", markup)
    bare = re.sub(r"(?i)<br\s*/?>|</(p|div|tr|li|h[1-6])>", "\n", bare)
    lines = html.unescape(re.sub(r"<[^>]*>", "", bare)).splitlines()
    return "\n".join(line.strip() for line in lines if line.strip()) + "\n"


def _addresses(given: Addresses, field: str) -> list[Address]:
    several = [given] if isinstance(given, str) else given
    if len(several) > MOST_RECIPIENTS:
        raise Discard(f"{field}: at most {MOST_RECIPIENTS} addresses")
    return [_address(text, field) for text in several]


def _address(text: str, field: str) -> Address:
    """Exactly one address, such as `ada@example.org` or `Ada <ada@example.org>`."""
    if BREAKS.search(text):
        raise Discard(f"{field}: holds a line break or U+0000")
    name, spec = parseaddr(text)
    local, at, domain = spec.rpartition("@")
    if not (at and local and domain) or not _is_single(text, spec):
        raise Discard(f"{field}: {text[:100]!r} is not one e-mail address")
    try:
        domain = domain if domain.isascii() else domain.encode("idna").decode()
        return Address(name, local.strip('"') if '"' in local else local, domain)
    except (ValueError, UnicodeError, MessageError):
        raise Discard(f"{field}: {text[:100]!r} is not one e-mail address") from None


def _is_single(text: str, spec: str) -> bool:
    """Whether nothing but this address and a name stands in `text`."""
    if " " in spec or "," in spec or ";" in spec:
        return False
    rest = text.replace(spec, "", 1)
    bare = re.sub(r'"(\\.|[^"\\])*"', "", rest)
    return "@" not in bare and "," not in bare and ";" not in bare

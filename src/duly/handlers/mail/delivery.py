"""One message over one connection, and what became of it for each recipient."""

from __future__ import annotations

from typing import Literal

import aiosmtplib
import msgspec

from ...jobs.outcome import Discard
from .message import Envelope
from .smtp import CLOSING, FIRST_ERROR, Connection, MailServerTrouble


class KeptConnectionLost(Exception):
    """A connection that had been kept broke before any of the message was sent over it."""


class Recipient(msgspec.Struct, frozen=True):
    """What became of the message for one recipient, and what the server said to that."""

    email: str
    state: Literal["sent", "rejected"]
    code: int
    message: str


async def deliver(connection: Connection, envelope: Envelope) -> list[Recipient]:
    """Send one message; recipients that the server refuses do not keep it from the others.

    Nothing is sent when all of them are refused. Raises Discard for what this server can never
    take, KeptConnectionLost, MailServerTrouble when nobody can know whether the message was taken,
    and what aiosmtplib raises for the rest.
    """
    client = connection.client
    if envelope.needs_utf8 and not client.supports_extension("smtputf8"):
        raise Discard("the mail server does not take addresses with letters beyond ASCII")
    try:
        recipients = await _offer(client, envelope)
    except aiosmtplib.SMTPException as error:
        if connection.messages and _is_goodbye(error):
            raise KeptConnectionLost from None
        raise
    if not any(one.state == "sent" for one in recipients):
        return recipients
    answer = await _send(client, envelope.content)
    return [
        msgspec.structs.replace(one, code=answer.code, message=answer.message)
        if one.state == "sent"
        else one
        for one in recipients
    ]


async def _offer(client: aiosmtplib.SMTP, envelope: Envelope) -> list[Recipient]:
    encoding = "utf-8" if envelope.needs_utf8 else "ascii"
    options = ["SMTPUTF8", "BODY=8BITMIME"] if envelope.needs_utf8 else []
    await client.mail(envelope.sender, options=options, encoding=encoding)
    return [await _ask(client, address, encoding) for address in envelope.recipients]


async def _ask(client: aiosmtplib.SMTP, address: str, encoding: str) -> Recipient:
    try:
        answer = await client.rcpt(address, encoding=encoding)
    except aiosmtplib.SMTPRecipientRefused as error:
        if error.code == CLOSING or error.code < FIRST_ERROR:
            raise
        return Recipient(address, "rejected", error.code, error.message)
    return Recipient(address, "sent", answer.code, answer.message)


async def _send(client: aiosmtplib.SMTP, content: bytes) -> aiosmtplib.SMTPResponse:
    try:
        return await client.data(content)
    except aiosmtplib.SMTPResponseException as error:
        if error.code >= FIRST_ERROR:
            raise
        reason = "the mail server's answer to the message was not understood"
    except (aiosmtplib.SMTPException, OSError) as error:
        reason = f"the connection broke while the message was sent ({type(error).__name__})"
    raise MailServerTrouble(
        f"{reason}: it may have been delivered or not, and trying again may deliver it twice"
    ) from None


def _is_goodbye(error: aiosmtplib.SMTPException) -> bool:
    return isinstance(error, (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError)) or (
        isinstance(error, aiosmtplib.SMTPResponseException) and error.code == CLOSING
    )

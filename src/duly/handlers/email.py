"""The handler of job type `email`: one message over SMTP, with an outcome for each recipient."""

from __future__ import annotations

from typing import ClassVar

import aiosmtplib
import msgspec

from ..config import Settings
from ..jobs.outcome import Discard
from .context import Context
from .message import EmailPayload, Envelope, compose
from .smtp import Connection, MailServerTrouble, SmtpPool

PERMANENT = 500


class Recipient(msgspec.Struct, frozen=True):
    """What became of the message for one recipient: sent or rejected, and what the server said."""

    email: str
    state: str
    code: int
    message: str


class EmailResult(msgspec.Struct, frozen=True):
    """The result of an e-mail job."""

    message_id: str
    recipients: list[Recipient]


class EmailHandler:
    """Sends mail by the settings SMTP_* and FROM_EMAIL; needs them at dispatch, not at start."""

    job_type: ClassVar[str] = "email"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool: SmtpPool | None = None

    async def execute(self, payload: EmailPayload, ctx: Context) -> EmailResult:
        """Send one message.

        Raises Discard for what will never be accepted, and MailServerTrouble for what may be later.
        """
        from_email = self._sender()
        envelope = compose(payload, from_email, ctx.job_id)
        if self._pool is None:
            self._pool = SmtpPool(self._settings)
        try:
            async with self._pool.connection() as connection:
                recipients = await _send(connection, envelope)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._trouble(error) from None
        if not any(one.state == "sent" for one in recipients):
            raise self._refusal(recipients)
        cleaned = [
            msgspec.structs.replace(one, message=self._pool.clean(one.message))
            for one in recipients
        ]
        return EmailResult(envelope.message_id, cleaned)

    async def close(self) -> None:
        """Close the connections that are kept."""
        if self._pool is not None:
            await self._pool.close()

    def _sender(self) -> str:
        settings = self._settings
        missing = [] if settings.from_email else ["FROM_EMAIL"]
        if settings.smtp_tls != "none" or settings.smtp_username or settings.smtp_password:
            missing += [] if settings.smtp_username else ["SMTP_USERNAME"]
            missing += [] if settings.smtp_password else ["SMTP_PASSWORD"]
        if missing or settings.from_email is None:
            raise Discard(
                f"e-mail is not set up: set {', '.join(missing)} for the worker, restart it,"
                " and retry this job"
            )
        return settings.from_email

    def _refusal(self, recipients: list[Recipient]) -> Exception:
        said = "; ".join(f"{one.email}: {one.code} {one.message}" for one in recipients[:5])
        text = self._clean(f"no recipient was accepted ({said})")
        if all(one.code >= PERMANENT for one in recipients):
            return Discard(text)
        return MailServerTrouble(text)

    def _trouble(self, error: Exception) -> Exception:
        text = self._clean(str(error)) or type(error).__name__
        if isinstance(error, aiosmtplib.SMTPResponseException):
            said = self._clean(f"{error.code} {error.message}")
            if error.code >= PERMANENT and error.code not in (530, 535):
                return Discard(f"the mail server refused the message for good: {said}")
            return MailServerTrouble(f"the mail server did not take the message: {said}")
        return MailServerTrouble(f"the connection to the mail server broke: {text}")

    def _clean(self, text: str) -> str:
        return text if self._pool is None else self._pool.clean(text)


async def _send(connection: Connection, envelope: Envelope) -> list[Recipient]:
    """One message in one go: those whom the server refuses do not keep it from the others."""
    client = connection.client
    options = ["SMTPUTF8", "BODY=8BITMIME"] if envelope.needs_utf8 else []
    encoding = "utf-8" if envelope.needs_utf8 else "ascii"
    if envelope.needs_utf8 and not client.supports_extension("smtputf8"):
        raise Discard("the mail server does not take addresses with letters beyond ASCII")
    await client.mail(envelope.sender, options=options, encoding=encoding)
    recipients: list[Recipient] = []
    for address in envelope.recipients:
        try:
            answer = await client.rcpt(address, encoding=encoding)
        except aiosmtplib.SMTPRecipientRefused as error:
            recipients.append(Recipient(address, "rejected", error.code, error.message))
            if error.code == 421:
                raise
        else:
            recipients.append(Recipient(address, "sent", answer.code, ""))
    if not any(one.state == "sent" for one in recipients):
        return recipients
    try:
        answer = await client.data(envelope.content)
    except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as error:
        text = "the connection broke while the message was sent: it may have been delivered"
        raise MailServerTrouble(f"{text} ({type(error).__name__})") from None
    return [
        msgspec.structs.replace(one, code=answer.code, message=answer.message)
        if one.state == "sent"
        else one
        for one in recipients
    ]

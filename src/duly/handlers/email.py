"""The handler of job type `email`: one message over SMTP, with an outcome for each recipient."""

from __future__ import annotations

from typing import ClassVar

import aiosmtplib
import msgspec

from ..config import Settings
from ..jobs.outcome import Discard
from .context import Context
from .mail.delivery import KeptConnectionLost, Recipient, deliver
from .mail.message import EmailPayload, Envelope, compose
from .mail.scrubber import Scrubber
from .mail.smtp import MailServerTrouble, SmtpPool

PERMANENT = 500

# The login is wanted or wrong (RFC 4954): an operator can put that right, the message is innocent.
LOGIN_CODES = frozenset({530, 534, 535, 538})


class EmailResult(msgspec.Struct, frozen=True):
    """The result of an e-mail job."""

    message_id: str
    recipients: list[Recipient]


class EmailHandler:
    """Sends mail by the settings SMTP_* and FROM_EMAIL; needs them at dispatch, not at start."""

    job_type: ClassVar[str] = "email"
    # The engine that duly takes over from takes every payload, and its clients watch for the job.
    check_at_submission: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scrubber = Scrubber(settings)
        self._pool = SmtpPool(settings, self._scrubber)

    async def execute(self, payload: EmailPayload, ctx: Context) -> EmailResult:
        """Send one message.

        Raises Discard for what will never be accepted, and MailServerTrouble for what may be later.
        """
        envelope = compose(payload, self._from_email(), ctx.job_id)
        try:
            recipients = await self._deliver(envelope)
        except (aiosmtplib.SMTPException, OSError) as error:
            raise self._failure(error) from None
        cleaned = [
            msgspec.structs.replace(one, message=self._scrubber.clean(one.message))
            for one in recipients
        ]
        if not any(one.state == "sent" for one in cleaned):
            raise _refusal(cleaned)
        return EmailResult(envelope.message_id, cleaned)

    async def close(self) -> None:
        """Close the connections that are kept."""
        await self._pool.close()

    async def _deliver(self, envelope: Envelope) -> list[Recipient]:
        try:
            async with self._pool.connection() as connection:
                return await deliver(connection, envelope)
        except KeptConnectionLost:
            async with self._pool.connection(fresh=True) as connection:
                return await deliver(connection, envelope)

    def _from_email(self) -> str:
        """The sender, once it is certain that everything is there which sending needs."""
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

    def _failure(self, error: Exception) -> Exception:
        said = self._pool.said(error)
        if not isinstance(error, aiosmtplib.SMTPResponseException):
            return MailServerTrouble(f"the connection to the mail server broke: {said}")
        if error.code in LOGIN_CODES:
            return MailServerTrouble(
                f"the mail server wants another login: {said};"
                " check SMTP_USERNAME, SMTP_PASSWORD and SMTP_TLS"
            )
        if error.code >= PERMANENT:
            return Discard(f"the mail server refused the message for good: {said}")
        return MailServerTrouble(f"the mail server did not take the message: {said}")


def _refusal(recipients: list[Recipient]) -> Exception:
    """Why nobody was sent anything; worth another try when one of them may be taken later."""
    said = "; ".join(f"{one.email}: {one.code} {one.message}" for one in recipients[:5])
    more = f"; and {len(recipients) - 5} more" if len(recipients) > 5 else ""
    text = f"no recipient was accepted ({said}{more})"
    if all(one.code >= PERMANENT and one.code not in LOGIN_CODES for one in recipients):
        return Discard(text)
    return MailServerTrouble(text)

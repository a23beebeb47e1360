"""A mail server that really receives, on loopback; it is busy twice and knows not everybody."""

from __future__ import annotations

import asyncio
import email
import email.policy
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

from ...errors import DulyError

HOST = "127.0.0.1"
BUSY_TIMES = 2
BUSY = "451 4.7.1 Greylisted, please try again later"
UNKNOWN = "550 5.1.1 No such user here"
TAKEN = "250 2.0.0 Taken"


class MailServerMissing(DulyError):
    """The demo needs a mail server to send to: pip install aiosmtpd, then run it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A message that was received."""

    to: list[str]
    subject: str
    text: str


class Mailbox:
    """Takes every mail, except: for `busy` only at the third time, and never for `unknown`.

    `tell` hears of each answer: to whom it was about, and what was answered.
    """

    def __init__(self, *, busy: str, unknown: str, tell: Callable[[str, str], None]) -> None:
        self.mails: list[Mail] = []
        self._busy = busy
        self._unknown = unknown
        self._tell = tell
        self._asked: Counter[str] = Counter()

    async def handle_RCPT(
        self, _server: Any, _peer: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        """Answer whether mail for `address` is taken."""
        self._asked[address] += 1
        if address == self._unknown:
            return self._refuse(address, UNKNOWN)
        if address == self._busy and self._asked[address] <= BUSY_TIMES:
            return self._refuse(address, BUSY)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: Any, _peer: Any, envelope: Any) -> str:
        """Keep the message."""
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mail = Mail(
            to=list(envelope.rcpt_tos), subject=str(message["Subject"]), text=_text(message)
        )
        self.mails.append(mail)
        self._tell(", ".join(mail.to), TAKEN)
        return TAKEN

    def _refuse(self, address: str, answer: str) -> str:
        self._tell(address, answer)
        return answer


@asynccontextmanager
async def open_mail_server(mailbox: Mailbox) -> AsyncGenerator[int]:
    """Receive mail for `mailbox` on the port that is given. Raises MailServerMissing."""
    try:
        from aiosmtpd.smtp import SMTP
    except ImportError:
        raise MailServerMissing from None

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(mailbox, hostname="localhost"), HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def _text(message: EmailMessage) -> str:
    body = message.get_body(("plain", "html"))
    return "" if body is None else body.get_content().strip()

"""A few connections to one mail server, kept for all jobs. What is sent over them is left to others."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiosmtplib

from ..config import Settings

LONGEST_IDLE = 20.0
LONGEST_LIFE = 300.0
MOST_MESSAGES = 100


class MailServerTrouble(Exception):
    """The mail server could not be used now; trying again later may help."""


class Connection:
    """One connection that was logged in, and how much it has been used."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self.client = client
        self.messages = 0
        self._opened_at = self._used_at = time.monotonic()

    @property
    def is_worn(self) -> bool:
        """Whether it has been open, idle or in use for so long that a new one is better."""
        now = time.monotonic()
        return (
            self.messages >= MOST_MESSAGES
            or now - self._opened_at > LONGEST_LIFE
            or now - self._used_at > LONGEST_IDLE
        )

    def touch(self) -> None:
        """It was used for a message."""
        self.messages += 1
        self._used_at = time.monotonic()

    async def is_usable(self) -> bool:
        """Whether the server still answers; resets what an earlier message may have left."""
        if self.is_worn or not self.client.is_connected:
            return False
        try:
            await self.client.rset()
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True

    async def close(self) -> None:
        """Say goodbye where that is possible."""
        with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
            async with asyncio.timeout(2.0):
                await self.client.quit()
        self.client.close()


class SmtpPool:
    """At most `smtp_connections` connections, opened when they are needed and used again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._room = asyncio.Semaphore(settings.smtp_connections)
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection for one message; it is kept for the next when the block ends well.

        Raises MailServerTrouble when no connection can be made.
        """
        async with self._room:
            connection = await self._kept() or await self._open()
            try:
                yield connection
            except BaseException:
                connection.client.close()
                raise
            connection.touch()
            self._idle.append(connection)

    async def close(self) -> None:
        """Close every connection that is not in use."""
        while self._idle:
            await self._idle.pop().close()

    def clean(self, text: str) -> str:
        """`text` of the server without our password, should the server have echoed it."""
        settings = self._settings
        if settings.smtp_password is None:
            return text
        password, user = settings.smtp_password.reveal(), settings.smtp_username or ""
        for plain in (password, f"\0{user}\0{password}"):
            encoded = base64.b64encode(plain.encode()).decode()
            text = text.replace(encoded, "•••").replace(plain, "•••")
        return text

    async def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if await connection.is_usable():
                return connection
            await connection.close()
        return None

    async def _open(self) -> Connection:
        settings = self._settings
        password = settings.smtp_password
        where = f"{settings.smtp_host}:{settings.smtp_port}"
        try:
            client = aiosmtplib.SMTP(
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_username,
                password=None if password is None else password.reveal(),
                timeout=settings.smtp_timeout,
                use_tls=settings.smtp_tls == "implicit",
                start_tls=settings.smtp_tls == "starttls",
                tls_context=self._trust(),
                local_hostname="localhost",
            )
            await client.connect()
        except aiosmtplib.SMTPAuthenticationError as error:
            said = self.clean(f"{error.code} {error.message}")
            reason = f"{where} refused the login: {said}; check SMTP_USERNAME and SMTP_PASSWORD"
            raise MailServerTrouble(reason) from None
        except (aiosmtplib.SMTPException, OSError) as error:
            said = self.clean(str(error)) or type(error).__name__
            reason = f"{where} cannot be used: {said}; check SMTP_HOST, SMTP_PORT and SMTP_TLS"
            raise MailServerTrouble(reason) from None
        return Connection(client)

    def _trust(self) -> ssl.SSLContext | None:
        if self._settings.smtp_tls == "none":
            return None
        return ssl.create_default_context(cafile=self._settings.smtp_ca_file)

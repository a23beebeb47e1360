"""A few connections to one mail server, kept for all jobs. What is sent is left to others."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import aiosmtplib

from ...config import Settings
from ...jobs.outcome import Discard
from .address import read_mailbox
from .scrubber import Scrubber

LONGEST_IDLE = 20.0
LONGEST_LIFE = 300.0
MOST_MESSAGES = 100
LONGEST_RESET = 5.0
LONGEST_GOODBYE = 2.0

CLOSING = 421
FIRST_ERROR = 400

_FULL_NAME = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")

NETWORK_ERRORS = (aiosmtplib.SMTPException, OSError, TimeoutError)


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
        timeout = min(LONGEST_RESET, self.client.timeout or LONGEST_RESET)
        try:
            await self.client.rset(timeout=timeout)
        except NETWORK_ERRORS:
            return False
        return True

    async def close(self) -> None:
        """Say goodbye where that is possible."""
        transport = self.client.transport
        try:
            with contextlib.suppress(*NETWORK_ERRORS):
                await self.client.quit(timeout=LONGEST_GOODBYE)
        finally:
            _drop(self.client, transport)

    def drop(self) -> None:
        """End it at once: it is broken, or in the middle of something."""
        _drop(self.client, self.client.transport)


class SmtpPool:
    """At most `smtp_connections` connections, opened when they are needed and used again."""

    def __init__(self, settings: Settings, scrubber: Scrubber) -> None:
        self._settings = settings
        self._scrubber = scrubber
        self._room = asyncio.Semaphore(settings.smtp_connections)
        self._idle: list[Connection] = []
        self._trust: ssl.SSLContext | None = None
        self._closed = False

    @asynccontextmanager
    async def connection(self, *, fresh: bool = False) -> AsyncGenerator[Connection]:
        """A connection for one message; it is kept for the next unless the block broke it.

        A `fresh` one has carried no message before. Raises MailServerTrouble when none can be made.
        """
        async with self._room:
            if fresh and self._idle:
                await self._idle.pop(0).close()  # or there would be one more than are allowed
            connection = (None if fresh else await self._kept()) or await self._open()
            try:
                yield connection
            except (aiosmtplib.SMTPResponseException, Discard) as refusal:
                await self._keep(connection, refusal)
                raise
            except BaseException:
                connection.drop()
                raise
            await self._keep(connection)

    async def close(self) -> None:
        """Close every connection: those in use when their message is done."""
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    async def _kept(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            try:
                if await connection.is_usable():
                    return connection
            except BaseException:
                connection.drop()
                raise
            await connection.close()
        return None

    async def _keep(self, connection: Connection, refusal: Exception | None = None) -> None:
        """A server that refused a message goes on; one that makes no sense is left alone."""
        if isinstance(refusal, aiosmtplib.SMTPResponseException) and (
            refusal.code == CLOSING or refusal.code < FIRST_ERROR
        ):
            connection.drop()
            return
        connection.touch()
        if self._closed or connection.is_worn:
            await connection.close()
        elif connection.client.is_connected:
            self._idle.append(connection)

    async def _open(self) -> Connection:
        settings = self._settings
        where = f"{settings.smtp_host}:{settings.smtp_port}"
        client = aiosmtplib.SMTP(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            timeout=settings.smtp_timeout,
            use_tls=settings.smtp_tls == "implicit",
            start_tls=settings.smtp_tls == "starttls",
            tls_context=self._trusted(),
            local_hostname=_own_name(settings),
        )
        try:
            await self._connect(client, where)
            await self._log_in(client, where)
        except BaseException:
            _drop(client, client.transport)
            raise
        return Connection(client)

    async def _connect(self, client: aiosmtplib.SMTP, where: str) -> None:
        try:
            await client.connect()
            await _greet(client)
        except (*NETWORK_ERRORS, ValueError) as error:
            raise MailServerTrouble(
                f"{where} cannot be used: {self.said(error)};"
                " check SMTP_HOST, SMTP_PORT, SMTP_TLS and SMTP_CA_FILE"
            ) from None

    async def _log_in(self, client: aiosmtplib.SMTP, where: str) -> None:
        user, password = self._settings.smtp_username, self._settings.smtp_password
        if user is None or password is None:
            return
        try:
            await client.login(user, password.reveal())
        except (*NETWORK_ERRORS, ValueError) as error:
            raise MailServerTrouble(
                f"{where} did not accept the login: {self.said(error)};"
                " check SMTP_USERNAME and SMTP_PASSWORD"
            ) from None

    def said(self, error: Exception) -> str:
        """What went wrong, in the server's words where it spoke, never with our password."""
        if isinstance(error, aiosmtplib.SMTPResponseException):
            # Not `str(error)`: that is a tuple, whose quoting would hide the password from us.
            return self._scrubber.clean(f"{error.code} {error.message}")
        return self._scrubber.clean(str(error)) or type(error).__name__

    def _trusted(self) -> ssl.SSLContext | None:
        """Made once: reading the system's certificates takes longer than a short message."""
        if self._settings.smtp_tls == "none":
            return None
        if self._trust is None:
            try:
                self._trust = ssl.create_default_context(cafile=self._settings.smtp_ca_file)
            except OSError as error:
                raise MailServerTrouble(
                    f"SMTP_CA_FILE cannot be read ({error.strerror or error}):"
                    " name a PEM file of certificates"
                ) from None
        return self._trust


def _own_name(settings: Settings) -> str:
    """How we greet: some servers (Google's relay is one) hang up on "localhost" or an address."""
    name = socket.gethostname()
    if _FULL_NAME.fullmatch(name) and not name.startswith("localhost."):
        return name
    return read_mailbox(settings.from_email or "", "FROM_EMAIL").domain


def _drop(client: aiosmtplib.SMTP, transport: asyncio.BaseTransport | None) -> None:
    """Let go for certain: `client.close()` alone waits on TLS for the other side to end as well."""
    client.close()
    if transport is not None:
        # Up to Python 3.11.4 a TLS transport that is closed for good breaks when it is aborted.
        with contextlib.suppress(AttributeError):
            cast("asyncio.WriteTransport", transport).abort()


async def _greet(client: aiosmtplib.SMTP) -> None:
    """Once TLS is up, so that what the server offers has been said over it."""
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        await client.helo()

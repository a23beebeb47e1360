"""A mail server that really receives, in a thread of its own; it can be told to misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import email
import email.policy
import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, AuthResult

HANG_UP = "hang up"
SAY_NOTHING = "say nothing"
WAIT = "wait"
USER, PASSWORD = "mailer", "canary'pass\\word-41f7c0"


@dataclass(frozen=True)
class Mail:
    """A message as it was received: the envelope, and the bytes."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.content, policy=email.policy.default)


class MailServer:
    """`answers` holds what is said next to a command, before the usual answer is given again."""

    def __init__(self, *, tls=None, implicit=False, login=False, utf8=False, most_messages=None):
        self.mails: list[Mail] = []
        self.greeted_by: list[str] = []
        self.opened = self.logins = self.resets = 0
        self.most_open = 0
        self.login_answer = None
        self.answers: dict[str, deque[str]] = defaultdict(deque)
        self.waiting = threading.Event()
        self._go_on = asyncio.Event()
        self._most_messages = most_messages
        self._tls, self._implicit, self._login, self._utf8 = tls, implicit, login, utf8
        self._open: set[SMTP] = set()
        self._loop = asyncio.SelectorEventLoop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def script(self, command, *answers):
        self.answers[command].extend(answers)

    def hang_up(self):
        """Close every connection, as a server does that is restarted."""
        asyncio.run_coroutine_threadsafe(self._close_all(), self._loop).result(10)

    def go_on(self):
        """End every WAIT."""
        self._loop.call_soon_threadsafe(self._go_on.set)

    def settle(self):
        """Return when the server has done what it had to do by now."""
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0), self._loop).result(10)

    @property
    def open(self):
        return len(self._open)

    async def handle_EHLO(self, server, session, _envelope, hostname, responses):
        session.host_name = hostname
        self.greeted_by.append(hostname)
        answer = await self._scripted("EHLO", server)
        return responses if answer is None else [answer]

    async def handle_MAIL(self, server, _session, envelope, address, options):
        server.messages += 1
        if self._most_messages is not None and server.messages > self._most_messages:
            return "421 4.7.0 Too many messages over this connection"
        answer = await self._scripted("MAIL", server)
        if answer is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer or "250 2.1.0 OK"

    async def handle_RCPT(self, server, _session, envelope, address, options):
        answer = await self._scripted(address, server) or await self._scripted("RCPT", server)
        if answer is None:
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer or "250 2.1.5 OK"

    async def handle_DATA(self, server, _session, envelope):
        answer = await self._scripted("DATA", server)
        if answer is None or answer.startswith("2"):
            mail = Mail(envelope.mail_from, list(envelope.rcpt_tos), envelope.content)
            self.mails.append(mail)
        return answer or f"250 2.0.0 Taken as {len(self.mails)}"

    async def handle_RSET(self, server, _session, _envelope):
        self.resets += 1
        return await self._scripted("RSET", server) or "250 OK"

    def authenticate(self, _server, _session, _envelope, _mechanism, given):
        self.logins += 1
        known = given.login == USER.encode() and given.password == PASSWORD.encode()
        if self.login_answer is not None:
            return AuthResult(success=False, handled=False, message=self.login_answer)
        return AuthResult(success=known, handled=False)

    async def _scripted(self, command, server):
        waiting = self.answers[command]
        answer = waiting.popleft() if waiting else None
        if answer == WAIT:
            self.waiting.set()
            await self._go_on.wait()
            return None
        if answer == HANG_UP:
            server.transport.abort()
        if answer in (HANG_UP, SAY_NOTHING):
            await asyncio.Event().wait()  # the connection's end cancels this
        return answer

    def _run(self):
        asyncio.set_event_loop(self._loop)
        listening = self._loop.run_until_complete(
            self._loop.create_server(
                self._connection, "127.0.0.1", 0, ssl=self._tls if self._implicit else None
            )
        )
        self.port = listening.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end(listening))
        self._loop.close()

    async def _end(self, listening):
        listening.close()
        await self._close_all()
        unfinished = asyncio.all_tasks() - {asyncio.current_task()}  # say, a handshake with nobody
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*unfinished, return_exceptions=True)
        await asyncio.wait_for(listening.wait_closed(), 10)  # each connection: from Python 3.12 on

    def _connection(self):
        self.opened += 1
        offers_starttls = self._tls is not None and not self._implicit
        return CountedConnection(
            self,
            hostname="localhost",
            tls_context=self._tls if offers_starttls else None,
            require_starttls=offers_starttls,
            enable_SMTPUTF8=self._utf8,
            auth_required=self._login,
            auth_require_tls=offers_starttls,
            authenticator=self.authenticate if self._login else None,
            loop=self._loop,
        )

    async def _close_all(self):
        ending = list(self._open)
        for one in ending:
            # Up to Python 3.11.4 a TLS transport that is closed for good breaks when it is aborted.
            with contextlib.suppress(AttributeError):
                one.transport.abort()
        handlers = (one._handler_coroutine for one in ending)
        await asyncio.gather(*handlers, return_exceptions=True)


class CountedConnection(SMTP):
    """One connection, which the server counts."""

    messages = 0

    def connection_made(self, transport):
        super().connection_made(transport)
        server = self.event_handler
        server._open.add(self)
        server.most_open = max(server.most_open, len(server._open))

    def connection_lost(self, error):
        self.event_handler._open.discard(self)
        super().connection_lost(error)

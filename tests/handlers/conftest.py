"""Certificates, mail servers, and a way to run one e-mail job without a database."""

from __future__ import annotations

import ssl
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
import trustme

from duly.config import Secret, Settings
from duly.handlers.context import Context
from duly.handlers.email import EmailHandler, EmailPayload

from .mail_server import PASSWORD, USER, MailServer


@pytest.fixture(scope="session")
def authority():
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority, tmp_path_factory):
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="session")
def server_tls(authority):
    return tls_for(authority, "127.0.0.1")


def tls_for(authority, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture
def mail_server():
    """One without encryption and without login: what most tests need."""
    with MailServer() as server:
        yield server


@pytest.fixture
def plain_settings(mail_server):
    return Settings(
        smtp_host="127.0.0.1",
        smtp_port=mail_server.port,
        smtp_tls="none",
        smtp_timeout=5.0,
        from_email="App <no-reply@example.org>",
    )


@pytest.fixture
def login_server(server_tls):
    """One that wants STARTTLS and a login, as the large providers do."""
    with MailServer(tls=server_tls, login=True) as server:
        yield server


@pytest.fixture
def login_settings(login_server, ca_file):
    return Settings(
        smtp_host="127.0.0.1",
        smtp_port=login_server.port,
        smtp_username=USER,
        smtp_password=Secret(PASSWORD),
        smtp_ca_file=ca_file,
        smtp_timeout=5.0,
        from_email="no-reply@example.org",
    )


@asynccontextmanager
async def mailer(settings):
    """A function that does one e-mail job by `settings`; all of them share one handler."""
    handler = EmailHandler(settings)

    async def send(to="ada@example.org", *, job_id=None, **payload):
        ctx = Context(
            job_id=job_id or uuid4(),
            job_type="email",
            queue="default",
            attempt=1,
            max_attempts=3,
            lease=1,
        )
        return await handler.execute(EmailPayload(to=to, **payload), ctx)

    send.close = handler.close
    try:
        yield send
    finally:
        await handler.close()

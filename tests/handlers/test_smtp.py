"""The connections to the mail server: how they are protected, kept, and replaced."""

from __future__ import annotations

import asyncio
import dataclasses
import socket

import pytest

from duly.config import Secret
from duly.handlers.mail import smtp
from duly.handlers.mail.smtp import MailServerTrouble

from .conftest import mailer, tls_for
from .mail_server import HANG_UP, PASSWORD, SAY_NOTHING, USER, WAIT, MailServer


async def test_a_message_goes_over_starttls_with_a_login(login_server, login_settings):
    async with mailer(login_settings) as send:
        await send()

    assert len(login_server.mails) == login_server.logins == 1


# The server knows TLS only from STARTTLS, and so believes that this login goes over no TLS at all.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
async def test_a_message_goes_over_implicit_tls(server_tls, ca_file, plain_settings):
    with MailServer(tls=server_tls, implicit=True, login=True) as server:
        settings = dataclasses.replace(
            plain_settings,
            smtp_port=server.port,
            smtp_tls="implicit",
            smtp_ca_file=ca_file,
            smtp_username=USER,
            smtp_password=Secret(PASSWORD),
        )
        async with mailer(settings) as send:
            await send()

        assert len(server.mails) == server.logins == 1


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
async def test_a_login_goes_in_clear_only_where_the_settings_say_none(plain_settings):
    with MailServer(login=True) as server:
        settings = dataclasses.replace(
            plain_settings,
            smtp_port=server.port,
            smtp_username=USER,
            smtp_password=Secret(PASSWORD),
        )
        async with mailer(settings) as send:
            await send()

        assert len(server.mails) == server.logins == 1


async def test_a_server_that_knows_only_helo_gets_the_message(mail_server, plain_settings):
    mail_server.script("EHLO", "502 5.5.1 Not implemented")

    async with mailer(plain_settings) as send:
        await send()

    assert len(mail_server.mails) == 1


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        ("worker-1.example.net", "worker-1.example.net"),
        ("4f2b9c01", "example.org"),
        ("localhost.localdomain", "example.org"),
    ],
)
async def test_a_server_is_greeted_by_a_name_that_strict_ones_take(
    mail_server, plain_settings, monkeypatch, machine, name
):
    monkeypatch.setattr(socket, "gethostname", lambda: machine)

    async with mailer(plain_settings) as send:
        await send()

    assert mail_server.greeted_by == [name]


async def test_a_server_without_starttls_is_never_spoken_to_in_clear(mail_server, login_settings):
    settings = dataclasses.replace(login_settings, smtp_port=mail_server.port)

    async with mailer(settings) as send:
        with pytest.raises(MailServerTrouble, match="STARTTLS extension not supported"):
            await send()

    assert mail_server.mails == []
    assert mail_server.logins == 0


@pytest.mark.parametrize("implicit", [False, True])
async def test_a_certificate_of_another_host_is_refused(authority, login_settings, implicit):
    with MailServer(tls=tls_for(authority, "mail.example.net"), implicit=implicit) as server:
        settings = dataclasses.replace(
            login_settings,
            smtp_port=server.port,
            smtp_tls="implicit" if implicit else "starttls",
        )
        async with mailer(settings) as send:
            with pytest.raises(MailServerTrouble, match="CERTIFICATE_VERIFY_FAILED|certificate"):
                await send()

        assert server.logins == 0


async def test_a_certificate_that_nobody_vouches_for_is_refused(login_server, login_settings):
    settings = dataclasses.replace(login_settings, smtp_ca_file=None)

    async with mailer(settings) as send:
        with pytest.raises(MailServerTrouble, match="certificate"):
            await send()

    assert login_server.logins == 0


async def test_a_file_of_certificates_that_is_not_there_is_named(login_settings, tmp_path):
    settings = dataclasses.replace(login_settings, smtp_ca_file=str(tmp_path / "none.pem"))

    async with mailer(settings) as send:
        with pytest.raises(MailServerTrouble, match="SMTP_CA_FILE cannot be read"):
            await send()


async def test_a_port_where_nobody_listens_is_named(plain_settings):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with mailer(dataclasses.replace(plain_settings, smtp_port=port)) as send:
            with pytest.raises(MailServerTrouble, match=f"127.0.0.1:{port} cannot be used"):
                await send()


async def test_a_host_that_is_no_name_is_an_ordinary_failure(plain_settings):
    async with mailer(dataclasses.replace(plain_settings, smtp_host="mail..example")) as send:
        with pytest.raises(MailServerTrouble, match="check SMTP_HOST"):
            await send()


async def test_one_connection_carries_message_after_message(login_server, login_settings):
    async with mailer(login_settings) as send:
        for _ in range(5):
            await send()

    assert len(login_server.mails) == 5
    assert login_server.opened == login_server.logins == 1
    assert login_server.resets == 4


async def test_a_hundred_messages_at_once_share_the_connections_of_the_settings(
    login_server, login_settings
):
    settings = dataclasses.replace(login_settings, smtp_connections=3)

    async with mailer(settings) as send:
        results = await asyncio.gather(*(send(f"u{n}@example.org") for n in range(100)))

    assert len(results) == 100
    assert {mail.recipients[0] for mail in login_server.mails} == {
        f"u{n}@example.org" for n in range(100)
    }
    assert login_server.most_open == login_server.opened == 3


async def test_a_kept_connection_that_died_is_replaced_without_failing_the_job(
    login_server, login_settings
):
    async with mailer(login_settings) as send:
        await send()
        login_server.hang_up()
        await send()

    assert len(login_server.mails) == 2
    assert login_server.opened == 2


@pytest.mark.parametrize("command", ["RSET", "MAIL", "RCPT"])
@pytest.mark.parametrize("ending", [HANG_UP, SAY_NOTHING, "421 4.7.0 Too much over this one"])
async def test_a_kept_connection_that_breaks_before_the_message_is_replaced(
    mail_server, plain_settings, command, ending
):
    async with mailer(dataclasses.replace(plain_settings, smtp_timeout=0.3)) as send:
        await send()
        mail_server.script(command, ending)
        await send()

    assert len(mail_server.mails) == 2
    assert mail_server.opened == 2


async def test_of_several_kept_connections_that_are_used_up_only_one_is_tried(plain_settings):
    with MailServer(most_messages=1) as server:
        settings = dataclasses.replace(plain_settings, smtp_port=server.port, smtp_connections=2)
        async with mailer(settings) as send:
            await asyncio.gather(send(), send())
            await send()

        assert len(server.mails) == server.opened == 3


async def test_a_replaced_connection_does_not_make_one_too_many(mail_server, plain_settings):
    settings = dataclasses.replace(plain_settings, smtp_connections=1)

    async with mailer(settings) as send:
        await send()
        mail_server.script("MAIL", "421 4.7.0 Too much over this one")
        await asyncio.gather(send(), send())
        await all_ended(mail_server, but=1)

    assert len(mail_server.mails) == 3


async def test_a_message_that_was_perhaps_sent_is_not_sent_again_in_the_same_attempt(
    mail_server, plain_settings
):
    async with mailer(plain_settings) as send:
        await send()
        mail_server.script("DATA", HANG_UP)
        with pytest.raises(MailServerTrouble, match="may deliver it twice"):
            await send()

    assert mail_server.opened == 1


@pytest.mark.parametrize(
    ("limit", "value"), [("LONGEST_IDLE", -1.0), ("LONGEST_LIFE", -1.0), ("MOST_MESSAGES", 1)]
)
async def test_a_connection_that_is_worn_is_replaced(
    mail_server, plain_settings, monkeypatch, limit, value
):
    monkeypatch.setattr(smtp, limit, value)

    async with mailer(plain_settings) as send:
        await send()
        await send()

    assert len(mail_server.mails) == mail_server.opened == 2


async def test_a_refused_message_leaves_the_connection_to_the_next(mail_server, plain_settings):
    mail_server.script("MAIL", "451 4.3.0 Try later")

    async with mailer(plain_settings) as send:
        with pytest.raises(MailServerTrouble):
            await send()
        await send()

    assert mail_server.opened == 1


async def test_a_cancelled_job_leaves_no_connection_behind(mail_server, plain_settings):
    mail_server.script("MAIL", SAY_NOTHING)

    async with mailer(plain_settings) as send:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await send()
        await send()

    assert len(mail_server.mails) == 1
    assert mail_server.opened == 2


async def test_a_job_cancelled_in_the_greeting_leaves_no_connection_behind(
    mail_server, plain_settings
):
    mail_server.script("EHLO", SAY_NOTHING)

    async with mailer(plain_settings) as send:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await send()

        assert mail_server.greeted_by
        await all_ended(mail_server)


async def test_closing_says_goodbye_on_every_connection(mail_server, plain_settings):
    async with mailer(plain_settings) as send:
        await asyncio.gather(*(send() for _ in range(4)))

    await all_ended(mail_server)


async def test_closing_lets_a_message_in_hand_be_sent(mail_server, plain_settings):
    mail_server.script("DATA", WAIT)

    async with mailer(plain_settings) as send:
        sending = asyncio.create_task(send())
        assert await asyncio.to_thread(mail_server.waiting.wait, 5)
        await send.close()
        mail_server.go_on()
        await sending
        await all_ended(mail_server)

    assert len(mail_server.mails) == 1


async def all_ended(mail_server, *, but=0):
    async with asyncio.timeout(5):
        while mail_server.open > but:
            await asyncio.to_thread(mail_server.settle)


async def test_a_server_that_takes_addresses_beyond_ascii_gets_them(plain_settings):
    with MailServer(utf8=True) as server:
        settings = dataclasses.replace(plain_settings, smtp_port=server.port)
        async with mailer(settings) as send:
            await send("jürgen@bücher.example", subject="Grüße")

        (mail,) = server.mails
        assert mail.recipients == ["jürgen@xn--bcher-kva.example"]
        assert mail.message["Subject"] == "Grüße"
        assert "jürgen@xn--bcher-kva.example".encode() in mail.content

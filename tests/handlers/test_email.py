"""What becomes of an e-mail job, by what the mail server answers."""

from __future__ import annotations

import dataclasses
from uuid import uuid4

import pytest

from duly.config import Secret, Settings
from duly.handlers.email import EmailHandler
from duly.handlers.mail.smtp import MailServerTrouble
from duly.handlers.registry import HandlerRegistry
from duly.jobs.outcome import Discard
from duly.store.claimed import ClaimedJob
from duly.worker import judge

from .conftest import mailer
from .mail_server import HANG_UP, SAY_NOTHING

ANN, BEN, CAT = "ann@example.org", "ben@example.org", "cat@example.org"


async def test_a_payload_of_only_an_address_is_sent(mail_server, plain_settings):
    job_id = uuid4()

    async with mailer(plain_settings) as send:
        result = await send(ANN, job_id=job_id)

    (mail,) = mail_server.mails
    assert (mail.sender, mail.recipients) == ("no-reply@example.org", [ANN])
    assert mail.message["Message-ID"] == result.message_id == f"<{job_id}@example.org>"
    (one,) = result.recipients
    assert (one.email, one.state, one.code, one.message) == (ANN, "sent", 250, "2.0.0 Taken as 1")


async def test_the_registry_gives_the_handler_what_clients_have_always_sent(
    mail_server, plain_settings
):
    registry = HandlerRegistry()
    registry.register(EmailHandler(plain_settings))
    registration = registry.lookup("email")

    payload = registration.decode('{"to": "ann@example.org", "subject": "Hi", "campaign": 7}')

    assert (payload.to, payload.subject) == (ANN, "Hi")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"from_email": None}, "set FROM_EMAIL for"),
        ({"smtp_tls": "starttls"}, "set SMTP_USERNAME, SMTP_PASSWORD for"),
        ({"smtp_username": "me"}, "set SMTP_PASSWORD for"),
        ({"smtp_password": Secret("x")}, "set SMTP_USERNAME for"),
    ],
)
async def test_a_missing_setting_fails_the_job_with_its_name(
    mail_server, plain_settings, changes, named
):
    settings = dataclasses.replace(plain_settings, **changes)

    async with mailer(settings) as send:
        with pytest.raises(Discard, match=named):
            await send()

    assert mail_server.opened == 0


async def test_a_handler_without_any_settings_can_be_made_and_closed():
    handler = EmailHandler(Settings())

    await handler.close()

    assert handler.job_type == "email"


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_an_answer_of_5xx_fails_the_job_for_good(mail_server, plain_settings, command):
    mail_server.script(command, "554 5.7.1 We do not want this")

    async with mailer(plain_settings) as send:
        with pytest.raises(Discard, match="554 5.7.1 We do not want this"):
            await send()

    assert mail_server.mails == []


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("answer", ["451 4.3.0 Try later", "421 4.3.2 Closing"])
async def test_an_answer_of_4xx_is_worth_another_try(mail_server, plain_settings, command, answer):
    mail_server.script(command, answer)

    async with mailer(plain_settings) as send:
        with pytest.raises(MailServerTrouble, match=answer):
            await send()
        await send()

    assert len(mail_server.mails) == 1


@pytest.mark.parametrize("command", ["MAIL", "RCPT"])
async def test_a_login_that_is_wanted_is_worth_another_try(mail_server, plain_settings, command):
    mail_server.script(command, "530 5.7.0 Authentication required")

    async with mailer(plain_settings) as send:
        with pytest.raises(MailServerTrouble, match="530 5.7.0 Authentication required"):
            await send()


async def test_the_refused_recipient_does_not_keep_the_message_from_the_others(
    mail_server, plain_settings
):
    mail_server.script(ANN, "550 5.1.1 No such user")

    async with mailer(plain_settings) as send:
        result = await send([ANN, BEN], cc=CAT)

    assert mail_server.mails[0].recipients == [BEN, CAT]
    assert [(one.email, one.state, one.code) for one in result.recipients] == [
        (ANN, "rejected", 550),
        (BEN, "sent", 250),
        (CAT, "sent", 250),
    ]
    assert result.recipients[0].message == "5.1.1 No such user"


async def test_nobody_accepted_for_good_fails_the_job_with_each_answer(mail_server, plain_settings):
    mail_server.script(ANN, "550 5.1.1 No such user")
    mail_server.script(BEN, "552 5.2.2 Mailbox full")

    async with mailer(plain_settings) as send:
        with pytest.raises(Discard) as caught:
            await send([ANN, BEN])

    assert "ann@example.org: 550 5.1.1 No such user; ben@example.org: 552" in caught.value.reason


async def test_nobody_accepted_but_one_only_for_now_is_tried_again(mail_server, plain_settings):
    mail_server.script(ANN, "550 5.1.1 No such user")
    mail_server.script(BEN, "450 4.2.1 Greylisted")

    async with mailer(plain_settings) as send:
        with pytest.raises(MailServerTrouble, match="450 4.2.1 Greylisted"):
            await send([ANN, BEN])


@pytest.mark.parametrize("ending", [HANG_UP, SAY_NOTHING, "200 Perhaps", "What?"])
async def test_a_connection_lost_after_the_message_is_called_ambiguous(
    mail_server, plain_settings, ending
):
    settings = dataclasses.replace(plain_settings, smtp_timeout=0.3)
    mail_server.script("DATA", ending)

    async with mailer(settings) as send:
        with pytest.raises(MailServerTrouble, match="may have been delivered or not"):
            await send()


@pytest.mark.parametrize("ending", [HANG_UP, SAY_NOTHING])
async def test_a_connection_lost_before_the_message_is_an_ordinary_failure(
    mail_server, plain_settings, ending
):
    settings = dataclasses.replace(plain_settings, smtp_timeout=0.3)
    mail_server.script("MAIL", ending)

    async with mailer(settings) as send:
        with pytest.raises(
            MailServerTrouble, match="connection to the mail server broke"
        ) as caught:
            await send()

    assert "delivered" not in str(caught.value)


async def test_an_answer_that_postgresql_cannot_store_does_not_spoil_the_result(
    mail_server, plain_settings
):
    mail_server.script("DATA", "250 taken \x00\x01 " + "long " * 100)

    async with mailer(plain_settings) as send:
        result = await send()

    job = ClaimedJob(uuid4(), 1, 1, "email", "default", 3, None, "{}")
    settlement = judge.completed(job, result)
    assert settlement.status == "done", settlement.error
    assert result.recipients[0].message.startswith("taken long long")


async def test_an_address_beyond_ascii_goes_only_to_a_server_that_takes_it(
    mail_server, plain_settings
):
    async with mailer(plain_settings) as send:
        with pytest.raises(Discard, match="letters beyond ASCII"):
            await send("jürgen@example.org")
        await send("jürgen <j@bücher.example>")

    assert mail_server.mails[0].recipients == ["j@xn--bcher-kva.example"]

"""The password of the mail server is nowhere, whatever the mail server says."""

from __future__ import annotations

import base64
import dataclasses
import logging
import traceback

import pytest

from duly.config import Secret, Settings
from duly.handlers.email import EmailHandler
from duly.handlers.mail.scrubber import Scrubber
from duly.handlers.mail.smtp import MailServerTrouble
from duly.worker import judge

from .conftest import mailer
from .mail_server import PASSWORD, USER

PLAIN = base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()
LOGIN = base64.b64encode(PASSWORD.encode()).decode()
SECRETS = (PASSWORD, PLAIN, LOGIN)


def logged(caplog):
    """What our side logged; the server, in this process, logs what it says."""
    own = [record for record in caplog.records if record.name != "mail.log"]
    return "\n".join(record.getMessage() for record in own)


@pytest.fixture
def settings():
    return Settings(smtp_username=USER, smtp_password=Secret(PASSWORD))


async def test_a_wrong_login_is_told_without_the_password(login_server, login_settings, caplog):
    caplog.set_level(logging.DEBUG)
    settings = dataclasses.replace(login_settings, smtp_password=Secret("wrong-canary-91"))

    async with mailer(settings) as send:
        with pytest.raises(MailServerTrouble, match="535 5.7.8") as caught:
            await send()

    told = judge.describe(caught.value) + logged(caplog)
    assert "check SMTP_USERNAME and SMTP_PASSWORD" in told
    assert "wrong-canary" not in told
    assert login_server.mails == []


@pytest.mark.parametrize("echo", SECRETS)
async def test_a_server_that_echoes_the_login_does_not_get_it_into_the_error(
    login_server, login_settings, echo, caplog
):
    caplog.set_level(logging.DEBUG)
    login_server.login_answer = f"535 5.7.8 do not know {echo}"

    async with mailer(login_settings) as send:
        with pytest.raises(MailServerTrouble) as caught:
            await send()

    error = caught.value
    told = [str(error), repr(error), judge.describe(error), logged(caplog)]
    told.append("".join(traceback.format_exception(error)))
    assert "do not know •••" in told[0]
    assert not [secret for secret in SECRETS for text in told if secret in text]


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
async def test_an_answer_to_a_message_is_scrubbed_as_well(login_server, login_settings, command):
    login_server.script(command, f"550 You are {PLAIN} and {PASSWORD}")

    async with mailer(login_settings) as send:
        with pytest.raises(Exception, match="You are ••• and •••"):
            await send()


async def test_a_result_is_scrubbed_as_well(login_server, login_settings):
    login_server.script("DATA", f"250 Taken from {PASSWORD}")

    async with mailer(login_settings) as send:
        result = await send()

    assert result.recipients[0].message == "Taken from •••"


def test_an_echo_that_is_cut_short_is_scrubbed(settings):
    said = f"501 Syntax error in AUTH PLAIN {PLAIN[:25]}"

    assert Scrubber(settings).clean(said) == "501 Syntax error in AUTH PLAIN •••"


def test_an_answer_becomes_one_line_that_can_be_stored(settings):
    said = "550 no\r\nnot \x1b[31m\x00 this\udcff"

    assert Scrubber(settings).clean(said) == "550 no not [31m this\ufffd"


@pytest.mark.parametrize("password", [None, Secret("")])
def test_without_a_password_an_answer_stays_as_it_is(password):
    settings = Settings(smtp_password=password)

    assert Scrubber(settings).clean("250 2.0.0 Taken") == "250 2.0.0 Taken"


def test_the_handler_and_its_settings_do_not_show_the_password(settings):
    handler = EmailHandler(settings)

    shown = f"{handler!r} {settings!r} {settings}"

    assert not [secret for secret in SECRETS if secret in shown]

"""Log lines: one record, one line, no secrets."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from duly.cli.log import LineFormatter, hide
from duly.config import Secret


def record(message, *arguments, **extra):
    made = logging.LogRecord("duly.x", logging.INFO, __file__, 1, message, arguments, None)
    vars(made).update(extra)
    return made


def test_a_line_has_its_fields_in_order_and_quotes_what_needs_it():
    line = LineFormatter(as_json=False).format(record("two words", queue="mail", n=3))

    assert line.startswith("time=2")
    assert line.endswith('level=info logger=duly.x message="two words" queue=mail n=3')


def test_a_json_line_is_one_object():
    line = LineFormatter(as_json=True).format(record("hello %s", "you", queue="mail"))

    fields = json.loads(line)
    assert (fields["message"], fields["level"], fields["queue"]) == ("hello you", "info", "mail")


@pytest.mark.parametrize("as_json", [True, False])
def test_nothing_in_a_record_can_make_a_second_line_or_reach_the_terminal(as_json):
    evil = "a\nlevel=error\r\x1b[31m\x9b31m\u2028\u202eb\x00\x7f"

    line = LineFormatter(as_json=as_json).format(record(evil, key=evil))

    assert line.isprintable()


@pytest.mark.parametrize("as_json", [True, False])
def test_a_secret_is_hidden_wherever_it_turns_up(as_json):
    url = Secret("postgresql://me:sw0rdf1sh@db/app")
    hide(url, Secret("t0ken-t0ken"), None)
    try:
        raise ValueError("sw0rdf1sh was wrong")
    except ValueError:
        failed = record("using t0ken-t0ken at %s", url.reveal(), other=url, plain="sw0rdf1sh")
        failed.exc_info = sys.exc_info()

    line = LineFormatter(as_json=as_json).format(failed)

    assert "sw0rdf1sh" not in line
    assert "t0ken" not in line
    assert "•••" in line


def test_an_exception_is_one_field():
    try:
        raise KeyError("gone")
    except KeyError:
        failed = record("it failed")
        failed.exc_info = sys.exc_info()

    fields = json.loads(LineFormatter(as_json=True).format(failed))

    assert "KeyError: 'gone'" in fields["exception"]


@pytest.mark.parametrize("words", [[], ["--log-json"]])
def test_a_command_logs_to_stderr_and_only_what_was_asked_for(duly, words):
    quiet = duly("enqueue", "x", "--in", "1h", "-q", *words)
    chatty = duly("enqueue", "x", "--in", "1h", "-q", "--log-level", "debug", *words)

    assert quiet.stderr == ""
    assert len(chatty.stdout.split()) == 1
    for line in chatty.stderr.splitlines():
        assert ("time" in json.loads(line)) if words else line.startswith("time=")

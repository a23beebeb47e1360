"""Where settings come from: flags, then the environment, then `.env`."""

from __future__ import annotations

import json
import os
import signal

import pytest

from .programs import CommandLine, read_line


def facts(duly, *words, **environment):
    """What a worker says of itself; it is stopped at once."""
    process = duly.start("worker", *words, "--json", **environment)
    try:
        return json.loads(read_line(process))
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()


def test_a_dot_env_in_the_working_directory_is_read(database_url, tmp_path):
    (tmp_path / ".env").write_text(f"DATABASE_URL='{database_url}'\nDULY_SLOTS=7\n")

    assert facts(CommandLine(tmp_path))["slots"] == 7


def test_the_environment_wins_over_dot_env_and_a_flag_over_both(duly):
    (duly.folder / ".env").write_text("DULY_SLOTS=7\n")

    assert facts(duly, DULY_SLOTS="8")["slots"] == 8
    assert facts(duly, "--slots", "9", DULY_SLOTS="8")["slots"] == 9


def test_the_module_of_the_handlers_sees_what_dot_env_holds(duly):
    (duly.folder / ".env").write_text("KIND=from-dot-env\n")
    (duly.folder / "own.py").write_text(
        "import os\nfrom duly.app import Duly\napp = Duly()\n"
        "app.handler(os.environ['KIND'])(lambda payload: None)\n"
    )

    assert facts(duly, "own:app")["job_types"] == ["email", "from-dot-env"]


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("DULY_SLOTS", "many", "DULY_SLOTS: expected a whole number"),
        ("PORT", "70000", "PORT: must be at most 65535"),
        ("SMTP_TLS", "maybe", "SMTP_TLS: expected one of starttls, implicit, none"),
        ("DATABASE_URL", "mysql://x", "DATABASE_URL"),
    ],
)
def test_a_bad_setting_is_one_sentence_and_exit_2(duly, variable, value, message):
    done = duly("jobs", "list", **{variable: value})

    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_dot_env_that_is_no_text_is_one_sentence(duly):
    (duly.folder / ".env").write_bytes(b"A=\xff\xfe")

    done = duly("jobs", "list")

    assert done.returncode == 2
    assert ".env: cannot be read" in done.stderr


def test_without_a_database_url_two_commands_share_the_embedded_postgresql(tmp_path):
    os.chmod(tmp_path, 0o711)
    duly = CommandLine(tmp_path, {"DULY_DATA_DIR": str(tmp_path / "home")})
    first = duly.start("worker", "--json")
    known = json.loads(read_line(first))

    made = duly.json("enqueue", "x", "--in", "1h")
    found = duly.json("jobs", "list")
    first.send_signal(signal.SIGINT)

    assert first.wait(60) == 0
    assert "embedded" in known["database"]
    assert [one["id"] for one in found] == [made["id"]]
    first.stdout.close()

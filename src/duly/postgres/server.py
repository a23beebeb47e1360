"""The server process of the embedded PostgreSQL: started, found, waited for, stopped.

Whoever calls holds the lock that lets one process at a time do so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from ..errors import EmbeddedPostgresFailed
from .binaries import Binaries
from .cluster import failure_in
from .owner import Owner

PATIENCE = 30.0
STOP_PATIENCE = 60.0
ORPHAN_PATIENCE = 3.0
STEP = 0.01
SOCKET = ".s.PGSQL.5432"
LARGEST_LOG = 10_000_000


class Server:
    """The server of one data directory. Its socket is in the folder `sockets`."""

    def __init__(self, owner: Owner, data: Path, sockets: Path, log: Path) -> None:
        self._owner = owner
        self._data = data
        self._sockets = sockets
        self._log = log
        self._pid_file = data / "postmaster.pid"

    def start(self, binaries: Binaries) -> None:
        """Bring it up. Raises EmbeddedPostgresFailed when it does not come."""
        deadline = time.monotonic() + PATIENCE
        while True:
            said_before = self._log.stat().st_size if self._log.exists() else 0
            life = self._launch(binaries)
            try:
                if self._comes_up(life, deadline):
                    return
            finally:
                os.close(life)
            said = self._said(said_before)
            if "shared memory block" not in said or time.monotonic() > deadline:
                reason = f"The embedded PostgreSQL does not start: {failure_in(said)}."
                raise EmbeddedPostgresFailed(reason=reason)
            self._end_orphans(deadline)

    def is_running(self) -> bool:
        """Whether it is up. Waits for one that comes or goes, and clears up after a dead one."""
        deadline = time.monotonic() + PATIENCE
        while self._accepts() or self._pid() in self._processes():
            if self._accepts() and self._state() == "ready":
                return True
            self._check(deadline)
            time.sleep(STEP)
        self._end_orphans(deadline)
        # What is left would stop the next server: the number may be another process's by now, or
        # that of a zombie which nobody has collected.
        self._pid_file.unlink(missing_ok=True)
        (self._sockets / f"{SOCKET}.lock").unlink(missing_ok=True)
        return False

    def stop(self) -> None:
        """Stop it: sessions are ended, what is committed is on disk. One that is down stays so."""
        deadline = time.monotonic() + STOP_PATIENCE
        pid = self._pid()
        if pid is None or pid not in self._processes():
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
            while self._pid() == pid and pid in self._processes():
                if time.monotonic() > deadline:
                    os.kill(pid, signal.SIGQUIT)  # what is committed is safe: it recovers next time
                    deadline += STOP_PATIENCE
                time.sleep(STEP)

    def _launch(self, binaries: Binaries) -> int:
        """Start it as nobody's child; what comes back is a pipe that ends when the server does.

        It is no child of ours, so it outlives us and leaves no zombie when it dies before us.
        """
        if self._log.exists() and self._log.stat().st_size > LARGEST_LOG:
            self._log.replace(self._log.with_suffix(".log.1"))
        log = self._owner.open_private(self._log, os.O_WRONLY | os.O_APPEND)
        life, held_by_server = os.pipe()
        try:
            self._owner.run(
                [
                    *("/bin/sh", "-c", '"$@" &', "sh"),
                    *(binaries.program("postgres"), "-D", self._data, "-c", "port=5432"),
                    *("-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"),
                    *("-c", f"unix_socket_directories={self._sockets}"),
                    *("-c", f"cluster_name={self._name()}"),
                ],
                output=log,
                keep_open=(held_by_server,),
            )
        except BaseException:
            os.close(life)
            raise
        finally:
            os.close(log)
            os.close(held_by_server)
        os.set_blocking(life, False)
        return life

    def _comes_up(self, life: int, deadline: float) -> bool:
        """Whether it is ready in time; False when it ended."""
        while not (self._state() == "ready" and self._accepts()):
            with contextlib.suppress(BlockingIOError):
                if os.read(life, 1) == b"":
                    return False
            self._check(deadline)
            time.sleep(STEP)
        return True

    def _check(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            reason = (
                f"The embedded PostgreSQL is not ready after {PATIENCE:g} s, try again:"
                f" {failure_in(self._said(0))}."
            )
            raise EmbeddedPostgresFailed(reason=reason)

    def _end_orphans(self, deadline: float) -> None:
        """Processes of a server that was killed end soon by themselves, or are ended."""
        mercy = time.monotonic() + ORPHAN_PATIENCE
        while orphans := self._processes():
            self._check(deadline)
            if time.monotonic() > mercy:
                for pid in orphans:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(STEP)

    def _accepts(self) -> bool:
        """Whether somebody listens: only a live server does, whatever its pid file says."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(1)
            try:
                probe.connect(str(self._sockets / SOCKET))
            except TimeoutError:
                return True  # there is a queue
            except OSError:
                return False
        return True

    def _pid(self) -> int | None:
        first = self._pid_lines()[:1]
        return int(first[0]) if first and first[0].isdigit() else None

    def _state(self) -> str:
        return "".join(self._pid_lines()[7:8]).strip()

    def _pid_lines(self) -> list[str]:
        try:
            return self._pid_file.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return []

    def _processes(self) -> list[int]:
        """The live processes of this server, known by its name in their command lines."""
        name = self._name()
        return [
            pid
            for pid, line in _command_lines()
            if line.startswith(f"postgres: {name}: ")
            or (f"cluster_name={name}" in line and line.split()[0].endswith("/postgres"))
        ]

    def _name(self) -> str:
        """A name that stays when the folder is moved."""
        status = self._data.stat()
        return f"duly-{status.st_dev:x}-{status.st_ino:x}"

    def _said(self, offset: int) -> str:
        try:
            with self._log.open("rb") as log:
                log.seek(max(offset, self._log.stat().st_size - 100_000))
                return log.read().decode(errors="replace")
        except OSError:
            return ""


def _command_lines() -> list[tuple[int, str]]:
    """Number and command line of every process: small machines have no `ps`, macOS has no /proc."""
    found: list[tuple[int, str]] = []
    if Path("/proc/self/cmdline").exists():
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                    found.append((int(entry.name), line.decode(errors="replace")))
        return found
    command = ["ps", "-A", "-o", "pid=", "-o", "args="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in listing.splitlines():
        number, _, text = line.strip().partition(" ")
        found.append((int(number), text.strip()))
    return found

"""A private PostgreSQL for the first run and for tests: started on demand, shared, stopped by the last.

Its data stay. Processes that use it at once find each other by locks on files in its home, which the
kernel releases however a process ends.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from ..config import Secret
from ..errors import EmbeddedPostgresFailed
from .binaries import Binaries, find_binaries
from .cluster import make_cluster
from .owner import Owner, owner_for

PATIENCE = 30.0
LONGEST_SOCKET_FOLDER = 85

logger = logging.getLogger("duly.postgres")


class EmbeddedPostgres:
    """A server in `home`, such as `./.duly`. `binaries` is a folder of PostgreSQL's programs."""

    def __init__(
        self,
        home: Path,
        *,
        binaries: Path | None = None,
        say: Callable[[str], None] = logger.info,
    ) -> None:
        self.home = home.absolute()
        self._given = binaries
        self._say = say
        self._owner: Owner | None = None
        self._place = self.home
        self._binaries: Binaries | None = None
        self._users: int | None = None

    @property
    def version(self) -> str:
        """The version of the server, once it was started."""
        return "" if self._binaries is None else self._binaries.version

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._place / "pg"

    def start(self) -> Secret:
        """The address of the server, which is started unless another process did it.

        Raises EmbeddedPostgresFailed with one sentence on what to do.
        """
        try:
            self._prepare()
            with self._lock("start.lock"):
                self._users = _open_lock(self._place / "users.lock")
                fcntl.flock(self._users, fcntl.LOCK_SH)
                password = self._password()
                if not (self.data / "PG_VERSION").exists():
                    self._say(f"making a new PostgreSQL {self.version} in {self.data}")
                    make_cluster(self._found, self._run, self._owner, self.data, password)
                self._check_version()
                self._start_server()
        except OSError as error:
            place = error.filename or self.home
            reason = f"The embedded PostgreSQL cannot use {place}: {error.strerror}."
            raise EmbeddedPostgresFailed(reason=reason) from None
        return Secret(
            f"postgresql://duly:{password}@/duly?host={quote(str(self.socket))}&port=5432"
        )

    def stop(self) -> None:
        """Let go of the server; the last process that does so stops it."""
        if self._users is None:
            return
        with self._lock("start.lock"):
            try:
                fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._run(
                    [self._found.program("pg_ctl"), "stop", "-D", str(self.data), "-m", "fast"]
                )
            os.close(self._users)
            self._users = None

    @property
    def socket(self) -> Path:
        """The folder of the server's socket, which only its owner may enter."""
        folder = self._place / "run"
        if len(str(folder)) <= LONGEST_SOCKET_FOLDER:
            return folder
        name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"duly-{name}"

    @property
    def _found(self) -> Binaries:
        if self._binaries is None:
            raise RuntimeError("the server was not started")
        return self._binaries

    def _prepare(self) -> None:
        self._owner = owner_for(self.home)
        self._binaries = find_binaries(self._given, self._owner)
        self.home.mkdir(mode=0o711 if self._owner else 0o700, parents=True, exist_ok=True)
        if self._owner is not None:
            if not self._owner.can_reach(self.home):
                self._place = self._owner.place(str(self.home), "data")
            self._say(f"PostgreSQL refuses to run as root: it runs as {self._owner.name}")

    @contextmanager
    def _lock(self, name: str) -> Generator[None]:
        file = _open_lock(self._place / name)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        finally:
            os.close(file)

    def _password(self) -> str:
        file = self._place / "password"
        if not file.exists():
            fresh = self._place / f"password.{secrets.token_hex(4)}"
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
                opened.write(secrets.token_urlsafe(24))
            fresh.rename(file)
        return file.read_text().strip()

    def _check_version(self) -> None:
        major = (self.data / "PG_VERSION").read_text().strip()
        if major != self._found.major:
            reason = (
                f"The data in {self.data} belong to PostgreSQL {major}, but the programs are of"
                f" {self._found.version}: move the folder away, or use PostgreSQL {major}."
            )
            raise EmbeddedPostgresFailed(reason=reason)

    def _start_server(self) -> None:
        self._make_socket_folder()
        deadline = time.monotonic() + PATIENCE
        while True:
            state = self._run([self._found.program("pg_isready"), "-q", "-h", str(self.socket)])
            if state.returncode == 0:
                return
            if time.monotonic() > deadline:
                raise EmbeddedPostgresFailed(
                    reason=f"The embedded PostgreSQL does not come up: {self._last_words()}"
                )
            if state.returncode != 1 and not self._is_alive():
                # Children of a killed server may hold its memory for a moment: then this is repeated.
                self._launch()
            time.sleep(0.05)

    def _launch(self) -> None:
        log = self._place / "postgres.log"
        log.touch(mode=0o600, exist_ok=True)
        if self._owner is not None:
            os.chown(log, self._owner.uid, self._owner.gid)
        seconds = str(int(PATIENCE))
        start = [self._found.program("pg_ctl"), "start", "-D", str(self.data), "-w", "-t", seconds]
        self._run(
            [*start, "-l", str(log), "-s", "-o", f"-c unix_socket_directories='{self.socket}'"]
        )

    def _make_socket_folder(self) -> None:
        self.socket.mkdir(mode=0o700, exist_ok=True)
        wanted = os.geteuid() if self._owner is None else self._owner.uid
        if self._owner is not None and self.socket.stat().st_uid == 0:
            os.chown(self.socket, self._owner.uid, self._owner.gid)
        if self.socket.stat().st_uid != wanted or self.socket.is_symlink():
            reason = f"The folder {self.socket} belongs to somebody else: remove it."
            raise EmbeddedPostgresFailed(reason=reason)
        self.socket.chmod(0o700)

    def _is_alive(self) -> bool:
        """Whether the server of the pid file lives; a pid file of another process is removed."""
        file = self.data / "postmaster.pid"
        try:
            pid = int(file.read_text().splitlines()[0])
            os.kill(pid, 0)
        except PermissionError:
            pid = int(file.read_text().splitlines()[0])
        except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            return False
        command = subprocess.run(
            ["ps", "-p", str(pid), "-o", "args="], capture_output=True, text=True, check=False
        ).stdout
        if "postgres" in command and str(self.data) in command:
            return True
        file.unlink(missing_ok=True)
        return False

    def _last_words(self) -> str:
        try:
            lines = (self._place / "postgres.log").read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it said nothing"

    def _run(self, command: list[str], text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program as the server's owner, away from our terminal and our environment."""
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))
        }
        identity: dict[str, object] = {}
        if self._owner is not None:
            identity = {"user": self._owner.uid, "group": self._owner.gid, "extra_groups": []}
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            start_new_session=True,
            env={**environment, "LC_ALL": "C", "TZ": "UTC"},
            **identity,  # type: ignore[arg-type]
        )


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

"""A private PostgreSQL for the first run and for tests: started on demand and shared.

The last one stops it; the data stay. Processes that use it at once find each other by locks on
files in its home, which the kernel releases however a process ends.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import re
import secrets
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from ..config import Secret
from ..errors import EmbeddedPostgresFailed
from .binaries import find_binaries
from .cluster import check_version, make_cluster, sync_folder
from .owner import Owner, owner_of
from .server import SOCKET, Server

LOCK_PATIENCE = 90.0  # another process may be waiting for its server meanwhile
LONGEST_SOCKET = 100  # the kernel's limit is 104 bytes on macOS and 108 on Linux

# Where an ordinary user finds what root cannot let it find at home.
SHARED = Path("/var/lib/duly")
# Short, and the same whatever TMPDIR says to one process and not to another.
SHORT = Path("/tmp")  # noqa: S108

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
        self.version = ""
        self._given = binaries
        self._say = say
        self._place = self.home
        self._owner: Owner | None = None
        self._server: Server | None = None
        self._users: int | None = None
        self._alone = threading.Lock()

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._place / "pg"

    def start(self) -> Secret:
        """The address of the server, which is started unless another process did it.

        May be called again, when the server died. `version` is known from then on. Raises
        EmbeddedPostgresFailed with one sentence on what to do.
        """
        with self._alone:
            try:
                return self._start()
            except OSError as error:
                self._let_go()
                raise EmbeddedPostgresFailed(reason=self._explain(error)) from None
            except BaseException:
                self._let_go()
                raise

    def stop(self) -> None:
        """Let go of the server; the last process that does so stops it."""
        with self._alone:
            if self._users is None or self._owner is None or self._server is None:
                return
            try:
                with _starting(self._place, self._owner):
                    if _is_last(self._users):
                        self._server.stop()
                        if self._sockets.parent == SHORT:
                            with suppress(OSError):
                                self._sockets.rmdir()
            except FileNotFoundError:
                pass  # somebody removed the data, and a server without data ends by itself
            finally:
                self._let_go()

    def _start(self) -> Secret:
        owner = self._owner = owner_of(self.home)
        self._place = self._find_place(owner)
        if not self._place.exists():
            self._make_place(owner)
        binaries = find_binaries(self._given, owner, SHARED, self._say)
        self.version = binaries.version
        with _starting(self._place, owner):
            if self._users is None:
                self._users = owner.open_private(self._place / "users.lock", os.O_RDWR)
            fcntl.flock(self._users, fcntl.LOCK_SH)
            is_new = not self.data.exists()
            if is_new:
                self._say(f"making a new PostgreSQL {self.version} in {self.data}")
                self._write_password(owner)
                make_cluster(binaries, owner, self.data, self._place / "password")
            password = self._read_password()
            self._make_socket_folder(owner)
            server = Server(owner, self.data, self._sockets, self._place / "postgres.log")
            if not server.is_running():
                check_version(binaries, self.data)
                if not owner.is_us:
                    self._say(f"PostgreSQL refuses to run as root: it runs as {owner.name}")
                server.start(binaries)
            self._server = server
        sockets = quote(str(self._sockets))
        return Secret(f"postgresql://duly:{password}@/duly?host={sockets}&port=5432")

    def _let_go(self) -> None:
        if self._users is not None:
            os.close(self._users)
            self._users = None

    def _find_place(self, owner: Owner) -> Path:
        """Home, unless its owner cannot enter it, as in a folder of root's: then a shared place."""
        name = hashlib.sha256(os.fsencode(self.home.resolve())).hexdigest()[:12]
        elsewhere = SHARED / f"data-{name}"
        existing = next(path for path in (self.home, *self.home.parents) if path.exists())
        if owner.is_us or not existing.is_dir():
            return self.home
        if owner.can_enter(existing) and not elsewhere.exists():
            return self.home
        if (self.home / "pg").exists() and not elsewhere.exists():
            reason = (
                f"The data in {self.home} belong to {owner.name}, who cannot enter that folder:"
                " open it with chmod, with those above it, or set DULY_DATA_DIR."
            )
            raise EmbeddedPostgresFailed(reason=reason)
        if not elsewhere.exists():
            SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
            self._say(f"{owner.name} cannot enter {self.home}: the data are in {elsewhere}")
        return elsewhere

    def _make_place(self, owner: Owner) -> None:
        """Make it in one step, since another process may be looking for it, or making it too."""
        parent = self._place.parent
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            said = os.strerror(errno.ENOTDIR)
            raise NotADirectoryError(errno.ENOTDIR, said, str(parent)) from None
        fresh = Path(tempfile.mkdtemp(prefix=f"{self._place.name}.", dir=parent))
        try:
            owner.give(fresh)
            fresh.rename(self._place)
        except OSError:
            fresh.rmdir()
            if not self._place.is_dir():
                raise

    @property
    def _sockets(self) -> Path:
        """The folder of the socket: at home, unless that path is too long or odd for an address."""
        folder = self._place / "run"
        plain = re.fullmatch(r"[\w./+-]+", str(folder))
        if plain and len(os.fsencode(folder / SOCKET)) <= LONGEST_SOCKET:
            return folder
        name = hashlib.sha256(os.fsencode(self._place.resolve())).hexdigest()[:16]
        return SHORT / f"duly-{name}"

    def _make_socket_folder(self, owner: Owner) -> None:
        try:
            self._sockets.mkdir(mode=0o700)
            owner.give(self._sockets)
        except FileExistsError:
            status = self._sockets.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner.uid:
                reason = f"{self._sockets} is not a folder of {owner.name}'s: remove it."
                raise EmbeddedPostgresFailed(reason=reason) from None
            self._sockets.chmod(0o700)

    def _write_password(self, owner: Owner) -> None:
        fresh = self._place / "password.new"
        fresh.unlink(missing_ok=True)
        with open(owner.open_private(fresh, os.O_WRONLY | os.O_EXCL), "w") as file:
            file.write(secrets.token_urlsafe(24))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._place / "password")
        sync_folder(self._place)

    def _read_password(self) -> str:
        try:
            return (self._place / "password").read_text().strip()
        except FileNotFoundError:
            reason = (
                f"The file {self._place / 'password'} is missing, without which nobody can log in:"
                f" put it back, or move {self._place} away to start afresh."
            )
            raise EmbeddedPostgresFailed(reason=reason) from None

    def _explain(self, error: OSError) -> str:
        place = error.filename or self._place
        said = (error.strerror or type(error).__name__).lower()
        return (
            f"The embedded PostgreSQL cannot use {place}: {said}."
            " Mend that, or set DULY_DATA_DIR to another folder."
        )


@contextmanager
def _starting(place: Path, owner: Owner) -> Generator[None]:
    """Only one process at a time starts or stops the server."""
    file = owner.open_private(place / "start.lock", os.O_RDWR)
    deadline = time.monotonic() + LOCK_PATIENCE
    try:
        while not _is_locked(file):
            if time.monotonic() > deadline:
                reason = (
                    f"Another process has been starting or stopping the PostgreSQL in {place} for"
                    f" {LOCK_PATIENCE:g} s: look for it with `fuser {place / 'start.lock'}`."
                )
                raise EmbeddedPostgresFailed(reason=reason)
            time.sleep(0.02)
        yield
    finally:
        os.close(file)


def _is_locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_is_last = _is_locked  # nobody else holds a share of that file

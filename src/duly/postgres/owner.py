"""Who runs the embedded PostgreSQL: whoever we are, unless that is root, which PostgreSQL refuses.

Runs its programs as that user, away from our terminal and without our environment and its secrets.
"""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import EmbeddedPostgresFailed

SYSTEM_USERS = ("postgres", "_postgres", "nobody")
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


@dataclass(frozen=True, slots=True)
class Owner:
    """The user to whom server and data belong. `is_us` says that nobody needs to be become."""

    name: str
    uid: int
    gid: int
    is_us: bool

    def run(
        self,
        command: Sequence[str | Path],
        *,
        text: str = "",
        output: int | None = None,
        keep_open: tuple[int, ...] = (),
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end. What it says is returned, or goes to descriptor `output`."""
        given = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return subprocess.run(
            command,
            input=text,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.PIPE if output is None else output,
            text=True,
            errors="replace",
            check=False,
            cwd="/",
            env={**given, "LC_ALL": "C", "TZ": "UTC"},
            pass_fds=keep_open,
            start_new_session=True,
            umask=0o077,
            user=None if self.is_us else self.uid,
            group=None if self.is_us else self.gid,
            extra_groups=None if self.is_us else os.getgrouplist(self.name, self.gid),
        )

    def can_enter(self, folder: Path) -> bool:
        """Whether this user may pass through every folder on the way to `folder`, and into it."""
        return self.is_us or self.run(["/bin/sh", "-c", 'cd "$0"', folder]).returncode == 0

    def give(self, path: Path | int) -> None:
        """Make this user the owner of a file or folder that we made."""
        if not self.is_us:
            os.chown(path, self.uid, self.gid, follow_symlinks=isinstance(path, int))

    def open_private(self, path: Path, flags: int) -> int:
        """Open a file that only this user may read, and make it where there is none.

        A link is refused: whoever owns the folder must not choose what root writes to.
        """
        descriptor = os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(descriptor).st_uid != self.uid:
                self.give(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def owner_of(home: Path) -> Owner:
    """The user who is to run PostgreSQL for `home`.

    For root it is the owner of `home`, or of the folder that `home` is going to be made in; where
    that is root as well, it is a user of the system.
    """
    if os.geteuid() != 0:
        return Owner(_name(os.geteuid()), os.geteuid(), os.getegid(), is_us=True)
    existing = next(path for path in (home, *home.parents) if path.exists())
    uid = existing.stat().st_uid
    entry = _entry(uid) if uid != 0 else None
    for name in SYSTEM_USERS:
        entry = entry or _entry(name)
    if entry is None:
        reason = "PostgreSQL refuses to run as root, and there is no user nobody: set DATABASE_URL."
        raise EmbeddedPostgresFailed(reason=reason)
    return Owner(entry.pw_name, entry.pw_uid, entry.pw_gid, is_us=False)


def _name(uid: int) -> str:
    entry = _entry(uid)
    return str(uid) if entry is None else entry.pw_name


def _entry(user: str | int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(user) if isinstance(user, int) else pwd.getpwnam(user)
    except KeyError:
        return None

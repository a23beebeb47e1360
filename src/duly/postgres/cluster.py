"""Makes the data directory of the embedded PostgreSQL: all of it or nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from ..errors import EmbeddedPostgresFailed
from .binaries import Binaries
from .owner import Owner

SETTINGS = """
# Written by duly once, when the data directory was made.
max_connections = 200
shared_buffers = 128MB
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
autovacuum_naptime = 10s
"""


def make_cluster(binaries: Binaries, owner: Owner, data: Path, password: Path) -> None:
    """Make a data directory with the superuser and the database `duly`, under another name first.

    `password` is the file that the superuser's password stands in. Raises EmbeddedPostgresFailed.
    """
    fresh = data.with_name(f"{data.name}.new")
    try:
        _fill(binaries, owner, fresh, password)
        fresh.rename(data)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    sync_folder(data.parent)


def _fill(binaries: Binaries, owner: Owner, fresh: Path, password: Path) -> None:
    made = _initialise(binaries, owner, fresh, password, "C.UTF-8")
    if made.returncode != 0 and "locale" in made.stderr:
        made = _initialise(binaries, owner, fresh, password, "C")
    _must(made)
    settings = owner.open_private(fresh / "postgresql.conf", os.O_WRONLY | os.O_APPEND)
    with open(settings, "a") as configuration:
        configuration.write(SETTINGS)
    single = [binaries.program("postgres"), "--single", "-F", "-D", fresh, "postgres"]
    _must(owner.run(single, text="create database duly\n"))
    _must(owner.run([binaries.program("initdb"), "--sync-only", "--pgdata", fresh]))


def _initialise(
    binaries: Binaries, owner: Owner, fresh: Path, password: Path, characters: str
) -> subprocess.CompletedProcess[str]:
    """Text is compared by its bytes, which is fast; `characters` knows upper and lower case."""
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    owner.give(fresh)
    return owner.run(
        [
            *(binaries.program("initdb"), "--pgdata", fresh, "--username=duly"),
            *("--auth=scram-sha-256", f"--pwfile={password}", "--data-checksums", "--no-sync"),
            *("--encoding=UTF8", "--locale=C", f"--lc-ctype={characters}"),
        ]
    )


def check_version(binaries: Binaries, data: Path) -> None:
    """Raises EmbeddedPostgresFailed when the data belong to another major version."""
    major = (data / "PG_VERSION").read_text().strip()
    if major != binaries.major:
        reason = (
            f"The data in {data} belong to PostgreSQL {major}, but the programs in"
            f" {binaries.folder} are of {binaries.version}: use PostgreSQL {major}, or move the"
            " folder away to start afresh."
        )
        raise EmbeddedPostgresFailed(reason=reason)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def failure_in(text: str) -> str:
    """The line of a program's output that tells what went wrong: the cause comes first."""
    lines = [re.sub(r"^\S+ \S+ \S+ \[\d+\] +", "", line.strip()) for line in text.splitlines()]
    telling = [line for line in lines if re.search(r"error:|ERROR:|FATAL|PANIC", line)]
    cause = (telling or list(filter(None, lines))[-1:] or ["it said nothing"])[0].rstrip(".")
    is_full = re.search(r"No space left|free disk space", text)
    return f"the disk is full ({cause})" if is_full else cause


def _must(done: subprocess.CompletedProcess[str]) -> None:
    # In single-user mode a statement that fails is told, but the program ends well.
    if done.returncode != 0 or "ERROR:" in done.stderr:
        reason = f"The embedded PostgreSQL cannot be made: {failure_in(done.stderr)}."
        raise EmbeddedPostgresFailed(reason=reason)

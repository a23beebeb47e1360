"""Makes the data directory of the embedded PostgreSQL: all of it or nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from ..errors import EmbeddedPostgresFailed
from .binaries import Binaries
from .owner import Owner

SETTINGS = """\
# Written by duly once, when the data directory was made.
listen_addresses = ''
port = 5432
max_connections = 200
shared_buffers = 128MB
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = warning
autovacuum_naptime = 10s
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def make_cluster(
    binaries: Binaries, run: Run, owner: Owner | None, data: Path, password: str
) -> None:
    """Make a data directory with the superuser and the database `duly`, under another name first."""
    fresh = data.with_name("pg.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    secret = data.with_name("password.initdb")
    with open(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as opened:
        opened.write(password)
    if owner is not None:
        os.chown(fresh, owner.uid, owner.gid)
        os.chown(secret, owner.uid, owner.gid)
    try:
        _must(
            run(
                [
                    binaries.program("initdb"),
                    "-D",
                    str(fresh),
                    "-U",
                    "duly",
                    "-E",
                    "UTF8",
                    "--no-locale",
                    "--auth=scram-sha-256",
                    f"--pwfile={secret}",
                ]
            )
        )
    finally:
        secret.unlink()
    with (fresh / "postgresql.conf").open("a") as configuration:
        configuration.write(SETTINGS)
    _must(
        run(
            [binaries.program("postgres"), "--single", "-D", str(fresh), "postgres"],
            "create database duly\n",
        )
    )
    fresh.rename(data)


def _must(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        lines = [line for line in done.stderr.strip().splitlines() if "removing" not in line]
        said = next((line for line in reversed(lines) if "error" in line or "FATAL" in line), "")
        reason = said or (lines[-1] if lines else "it said nothing")
        raise EmbeddedPostgresFailed(reason=f"The embedded PostgreSQL cannot be made: {reason}")

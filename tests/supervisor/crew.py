"""Supervisors, the worker processes under them, and the ledger that those write."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from spec.fleet import PATIENCE, Fleet

HANDLERS = Path(__file__).with_name("handlers.py")
AT_WORK = re.compile(r"worker process (\d+) is at work")


class Boss:
    """One `duly worker` with a supervisor."""

    def __init__(self, folder, number, dsn, *words, **environment):
        self.log = folder / f"supervisor-{number}.log"
        given = {name: str(value) for name, value in environment.items()}
        bare = {"PATH": os.environ["PATH"], "DATABASE_URL": dsn, "TEST_FOLDER": str(folder)}
        with self.log.open("w") as errors:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "duly", "worker", "handlers:app", "--json", *words],
                cwd=folder,
                env={**bare, **given},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            )

    def wait_until_ready(self):
        """What it prints when all its processes are at work."""
        ready, _, _ = select.select([self.popen.stdout], [], [], PATIENCE)
        assert ready, self.log.read_text()
        line = self.popen.stdout.readline()
        assert line, self.log.read_text()
        return json.loads(line)

    @property
    def children(self):
        """The numbers of all processes that were ever at work, in order."""
        return [int(pid) for pid in AT_WORK.findall(self.log.read_text())]

    def send(self, number):
        self.popen.send_signal(number)

    def wait(self):
        return self.popen.wait(PATIENCE)

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait(PATIENCE)
        self.popen.stdout.close()
        for pid in self.children:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)


class Crew(Fleet):
    """The supervisors of one test."""

    def __init__(self, folder, dsn):
        super().__init__(folder, dsn)
        shutil.copy(HANDLERS, folder / "handlers.py")

    def start(self, *words, **environment):
        """A supervisor whose processes are all at work."""
        boss = self.start_without_waiting(*words, **environment)
        boss.wait_until_ready()
        return boss

    def start_without_waiting(self, *words, **environment):
        boss = Boss(self.folder, len(self._processes), self.dsn, *words, **environment)
        self._processes.append(boss)
        return boss


def is_alive(pid):
    """Whether a worker process lives; a number may be given to something else meanwhile."""
    with contextlib.suppress(OSError):
        return b"--link" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False

"""`duly serve` as a process of its own, which a test may kill and start again in its place."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys

PATIENCE = 60.0


class Served:
    """One server at a time; `settings` are environment variables. No worker: tests make events."""

    def __init__(self, folder, dsn, *, files=None, **settings):
        self.port = 0
        self._folder = folder
        self._files = files
        self._settings = {
            "PATH": os.environ["PATH"],
            "DATABASE_URL": dsn,
            **{name: str(value) for name, value in settings.items()},
        }
        self._process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self):
        return self._folder / "server.log"

    def start(self):
        """Start it, at the port where it was before, and wait until it answers."""
        command = [sys.executable, "-m", "duly", "serve", "--no-worker", "--json"]
        if self._files is not None:
            command = ["sh", "-c", f'ulimit -Sn {self._files} && exec "$@"', "sh", *command]
        with self.log.open("a") as errors:
            self._process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                env=self._settings,
                cwd=self._folder,  # where there is no .env
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE)
        told = ""
        while ready and not told.endswith("}\n"):
            line = self._process.stdout.readline()
            assert line, self.log.read_text()
            told += line
        assert told, self.log.read_text()
        self.port = int(json.loads(told)["url"].rpartition(":")[2])

    def stop(self, with_signal=signal.SIGTERM):
        """End it, and wait until it is gone."""
        self._process.send_signal(with_signal)
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    @property
    def memory(self):
        """Bytes of memory that the process holds."""
        told = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self._process.pid)],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(told.stdout) * 1024

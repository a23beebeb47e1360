"""Running `duly` the way a shell does, and a server for as long as a test needs it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PATIENCE = 60.0
KEPT = ("PATH", "HOME", "PYTHONPATH")
DULY = [sys.executable, "-m", "duly"]


@dataclass
class CommandLine:
    """`duly` in `folder`, with `environment` beside a bare PATH."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words, stdin="", **environment):
        """Run a command to its end."""
        return subprocess.run(
            [*DULY, *map(str, words)],
            cwd=self.folder,
            env=self._env(environment),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def json(self, *words, **environment):
        """The one JSON document that a command prints when it succeeds."""
        done = self(*words, "--json", **environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *words, **environment):
        """Start a command that stays up."""
        with (self.folder / "stderr").open("w") as errors:
            return subprocess.Popen(
                [*DULY, *map(str, words)],
                cwd=self.folder,
                env=self._env(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
            )

    def _env(self, more):
        bare = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {**bare, **self.environment, **more}


@dataclass
class Server:
    """A `duly serve` that is up. `facts` is what it printed about itself."""

    process: subprocess.Popen
    facts: dict

    @property
    def url(self):
        return self.facts["url"]

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=PATIENCE) as answer:
            return json.load(answer)


@contextmanager
def running_server(duly, *words):
    """`duly serve` on a free port, interrupted at the end; it must then exit with 0."""
    process = duly.start("serve", *words, "--port", "0", "--json")
    try:
        yield Server(process, json.loads(read_line(process)))
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, (duly.folder / "stderr").read_text()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def read_line(process):
    """The next line of a process; fails instead of waiting for ever."""
    ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
    assert ready, "nothing was printed in time"
    line = process.stdout.readline().decode()
    assert line, f"it has ended with {process.wait(PATIENCE)}"
    return line


def until(condition, what):
    """Wait until `condition()` is true, and answer what it gave."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := condition():
            return found
        select.select([], [], [], 0.02)
    raise AssertionError(f"not in time: {what}")

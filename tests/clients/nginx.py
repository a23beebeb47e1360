"""A real nginx on a port of its own, with the configuration that the guide tells people to use."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

from eventually import soon

PATIENCE = 20.0
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "deploying-behind-a-proxy.md"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")

# What an administrator may have around it: everything is compressed that may be.
AROUND = """
daemon off;
pid {folder}/nginx.pid;
worker_processes 1;
worker_shutdown_timeout 10s;
{user}
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    gzip on;
    gzip_types *;
    gzip_proxied any;
    gzip_min_length 1;
    {documented}
}}
"""


class Nginx:
    """One nginx at a time, in front of the server at `behind`; `without` one line of the guide."""

    def __init__(self, folder, behind, *, without=""):
        self.port = _free_port()
        self._folder = folder / "nginx"
        self._folder.mkdir()
        self._log = self._folder / "error.log"
        self._process = None
        around = AROUND.format(
            folder=self._folder,
            user="user root;" if os.geteuid() == 0 else "",
            documented=documented(self.port, behind).replace(without, ""),
        )
        (self._folder / "nginx.conf").write_text(around)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Start it, and wait until it accepts connections."""
        given = ["-p", self._folder, "-c", self._folder / "nginx.conf", "-e", self._log]
        self._process = subprocess.Popen([NGINX, *given])
        soon(self._accepts, "nginx started", seconds=PATIENCE)

    def stop(self):
        """End it at once, with all its connections."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(PATIENCE)

    def reload(self):
        """Let it read its configuration anew, and wait until new workers have taken over."""
        before = self._workers()
        self._process.send_signal(signal.SIGHUP)
        soon(lambda: self._workers() - before, "nginx reloaded", seconds=PATIENCE)

    def _workers(self):
        told = subprocess.run(
            ["pgrep", "-P", str(self._process.pid)], capture_output=True, text=True, check=True
        )
        return set(told.stdout.split())

    def _accepts(self):
        assert self._process.poll() is None, self._log.read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


def documented(port, behind):
    """The configuration in the guide, for these two ports."""
    text = re.search(r"^```nginx\n(server .*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)[1]
    assert text.count("listen 80;") == 1
    assert text.count("127.0.0.1:3000") == 2
    return text.replace("listen 80;", f"listen 127.0.0.1:{port};").replace(
        "127.0.0.1:3000", f"127.0.0.1:{behind}"
    )


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]

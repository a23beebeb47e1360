"""Homes for embedded servers, and the PostgreSQL installations to try them with."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from duly.postgres.binaries import find_binaries
from duly.postgres.embedded import EmbeddedPostgres
from duly.postgres.owner import owner_of

from .processes import end_servers

# What only root can do is tried where the tests are run by root, and known nowhere else.
collect_ignore = [] if os.geteuid() == 0 else ["test_embedded_as_root.py"]

WHEEL = find_binaries(None, owner_of(Path("/")), Path("/nowhere"), print).folder
INSTALLED = sorted(path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres"))


@pytest.fixture
def folder():
    """A folder that everybody may enter, unlike those that pytest makes."""
    made = Path(tempfile.mkdtemp(prefix="duly-test-"))
    made.chmod(0o755)
    yield made
    end_servers(made)
    shutil.rmtree(made)


@pytest.fixture
def home(folder):
    return folder / "home"


@pytest.fixture
def binaries():
    return WHEEL


@pytest.fixture(scope="session")
def made_homes():
    """Makes data with some PostgreSQL once, since that takes longest, to be copied from then on."""
    homes = {}
    with tempfile.TemporaryDirectory(prefix="duly-test-") as folder:
        Path(folder).chmod(0o755)

        def made(binaries):
            if binaries not in homes:
                homes[binaries] = Path(folder) / binaries.parent.name
                server = EmbeddedPostgres(homes[binaries], binaries=binaries)
                server.start()
                server.stop()
            return homes[binaries]

        yield made


@pytest.fixture
def furnished(home, binaries, made_homes):
    """The home has its data already, as after a first start."""
    subprocess.run(["cp", "-a", made_homes(binaries), home], check=True)
    return home


@pytest.fixture
def said():
    """What the servers of a test had to say."""
    return []


@pytest.fixture
def make(home, binaries, said):
    """Makes one more user of the server in `home`; whoever is left lets go at the end."""
    users = []

    def make(place=home):
        users.append(EmbeddedPostgres(place, binaries=binaries, say=said.append))
        return users[-1]

    yield make
    for user in users:
        user.stop()


@pytest.fixture
def server(make):
    return make()

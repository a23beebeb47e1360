"""The programs of the guide do what it says, as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path

import pytest

from .doors import parts

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "transactions.md"
PROGRAMS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
KEPT = ("PATH", "HOME", "PYTHONPATH")


@pytest.mark.parametrize("program", PROGRAMS, ids=range(1, len(PROGRAMS) + 1))
async def test_a_program_of_the_guide_makes_orders_with_their_receipts(
    program, database_url, connection, tmp_path
):
    given = parts(database_url)
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {
        "DATABASE_URL": database_url,
        **{f"PG{name.upper()}": given[name] or "" for name in ("host", "user", "password")},
        "PGDATABASE": given["name"],
        "PYTHONWARNINGS": "error",
    }
    (tmp_path / "program.py").write_text(program)
    await connection.execute("create table orders (id serial primary key, item text not null)")

    running = await asyncio.create_subprocess_exec(
        sys.executable, "program.py", cwd=tmp_path, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await running.communicate()

    assert running.returncode == 0, said.decode()
    orders = [row["id"] for row in await connection.fetch("select id from orders order by id")]
    receipts = await connection.fetch(
        "select (payload ->> 'order')::int as id from duly.job where job_type = 'receipt'"
        " order by id"
    )
    assert [row["id"] for row in receipts] == orders
    assert len(orders) >= 1


def test_the_guide_has_a_program_for_each_driver():
    text = "\n".join(PROGRAMS)

    for used in ("asyncpg.connect", "AsyncSession(", "Session(", "psycopg.connect", "psycopg2."):
        assert used in text
    assert "psycopg.AsyncConnection" in text
    assert "django.db" in text
    assert "ctx.complete(" in text

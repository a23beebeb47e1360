"""What tests of supervisors wait for."""

from __future__ import annotations

from spec.fleet import statuses, unfinished


async def started(crew, count):
    return len(crew.ledger("start")) >= count


async def ran(crew, count):
    return len(crew.ledger("run")) >= count


async def was_rescued(connection, job):
    query = "select count(*) from duly.attempt where outcome = 'rescue' and job_id::text = $1"
    return await connection.fetchval(query, job) > 0


async def at_work(boss, count):
    return len(boss.children) >= count


async def logged(boss, words):
    return words in boss.log.read_text()


async def nothing_left(connection):
    return await unfinished(connection) == 0


async def all_are(connection, **counts):
    return await statuses(connection) == counts


async def outcomes(connection):
    rows = await connection.fetch("select distinct outcome from duly.attempt")
    return {row["outcome"] for row in rows}

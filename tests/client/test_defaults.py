"""What a submission leaves open."""

from __future__ import annotations

from duly.handlers.registry import HandlerRegistry
from duly.jobs.submission import Submission
from duly.wiring import open_engine


async def test_a_job_takes_queue_and_attempts_from_its_handler_where_it_is_known(settings):
    registry = HandlerRegistry()
    registry.add("resize", lambda payload: payload, queue="images", max_attempts=7)

    async with open_engine(settings, registry) as engine:
        plain = await engine.client.enqueue(Submission(job_type="resize"))
        chosen = await engine.client.enqueue(
            Submission(job_type="resize", queue="urgent", max_attempts=1)
        )
        (unknown,) = await engine.client.enqueue_many([Submission(job_type="elsewhere")])
        stored = await engine.client.get(plain.id)

    assert (plain.queue, plain.max_attempts) == (stored.queue, stored.max_attempts) == ("images", 7)
    assert (chosen.queue, chosen.max_attempts) == ("urgent", 1)
    assert (unknown.queue, unknown.max_attempts) == ("default", 3)

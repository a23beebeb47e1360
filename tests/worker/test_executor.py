"""How handlers are run: in slots, in threads, under a timeout, and without ending the worker."""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import replace

import pytest
from eventually import eventually
from working import working

from duly.jobs.status import JobStatus

DONE, FAILED, PENDING = JobStatus.DONE, JobStatus.FAILED, JobStatus.PENDING


async def test_an_async_handler_is_ended_when_its_time_is_over(settings):
    ended = []

    async def endless(_payload):
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    async with working(settings, {"endless": (endless, {"timeout": 0.2})}) as work:
        job = await work.ends(await work.enqueue("endless", max_attempts=1))

    assert job.status is FAILED
    assert job.last_error == "ran longer than its timeout of 0.2 s"
    assert ended == [True]


async def test_a_plain_handler_is_asked_to_stop_when_its_time_is_over_and_keeps_its_slot(settings):
    may_end = threading.Event()
    asked = threading.Event()

    def stubborn(_payload, ctx):
        while not ctx.should_stop:
            threading.Event().wait(0.01)
        asked.set()
        may_end.wait(20)

    one_slot = replace(settings, slots=1)
    async with working(one_slot, {"stubborn": (stubborn, {"timeout": 0.2}), "next": _yes}) as work:
        job = await work.enqueue("stubborn", max_attempts=1)
        await eventually(asked.is_set, "the request to stop")
        following = await work.enqueue("next")
        still_running = await work.client.get(job.id)
        may_end.set()
        ended = await work.ends(job)
        after = await work.ends(following)

    assert still_running.status is JobStatus.PROCESSING
    assert ended.last_error == "ran longer than its timeout of 0.2 s"
    assert after.status is DONE
    assert after.processing_started_at is None
    assert after.finished_at >= ended.finished_at


async def test_a_timeout_error_of_the_handler_itself_is_not_taken_for_ours(settings):
    async def slow_server(_payload):
        raise TimeoutError("the server did not answer")

    async with working(settings, {"slow": (slow_server, {"timeout": 30})}) as work:
        job = await work.ends(await work.enqueue("slow", max_attempts=1))

    assert job.last_error.startswith("TimeoutError: the server did not answer")


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_handler_that_wants_to_end_the_process_fails_only_its_job(settings, error, kind):
    async def async_exit(_payload):
        raise error

    def plain_exit(_payload):
        raise error

    leaving = async_exit if kind == "async" else plain_exit
    async with working(settings, {"leave": leaving, "stay": _yes}) as work:
        job = await work.ends(await work.enqueue("leave", max_attempts=1))
        neighbour = await work.ends(await work.enqueue("stay"))

    assert job.status is FAILED
    assert type(error).__name__ in job.last_error
    assert neighbour.status is DONE


async def test_a_handler_that_calls_sys_exit_fails_only_its_job(settings):
    def leaving(_payload):
        sys.exit("goodbye")

    async with working(settings, {"leave": leaving, "stay": _yes}) as work:
        job = await work.ends(await work.enqueue("leave", max_attempts=1))
        neighbour = await work.ends(await work.enqueue("stay"))

    assert job.last_error.startswith("SystemExit: goodbye")
    assert neighbour.status is DONE


async def test_plain_handlers_run_in_threads_and_do_not_stop_the_event_loop(settings):
    together = threading.Barrier(3, timeout=20)

    def meeting(_payload):
        together.wait()
        return threading.current_thread().name

    async with working(settings, {"meet": meeting, "quick": _yes}) as work:
        jobs = [await work.enqueue("meet") for _ in range(2)]
        quick = await work.ends(await work.enqueue("quick"))
        last = await work.enqueue("meet")
        names = {bytes((await work.ends(job)).result).decode() for job in [*jobs, last]}

    assert quick.status is DONE
    assert len(names) == 3
    assert all("duly-handler" in name for name in names)


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_never_more_jobs_run_at_once_than_there_are_slots(settings, kind):
    gauge = Gauge()

    async def async_work(_payload):
        with gauge:
            for _ in range(20):
                await asyncio.sleep(0)

    def plain_work(_payload):
        with gauge:
            threading.Event().wait(0.002)

    function = async_work if kind == "async" else plain_work
    three_slots = replace(settings, slots=3)
    async with working(three_slots, {"work": function}) as work:
        jobs = await asyncio.gather(*(work.enqueue("work") for _ in range(200)))
        ended = [await work.ends(job) for job in jobs]

    assert {job.status for job in ended} == {DONE}
    assert (gauge.highest, gauge.now, gauge.total) == (3, 0, 200)


class Gauge:
    """How many are inside at once, and how many were at most."""

    def __init__(self) -> None:
        self.now = self.highest = self.total = 0
        self._lock = threading.Lock()

    def __enter__(self):
        with self._lock:
            self.now += 1
            self.total += 1
            self.highest = max(self.highest, self.now)

    def __exit__(self, *_):
        with self._lock:
            self.now -= 1


async def _yes(_payload):
    return True

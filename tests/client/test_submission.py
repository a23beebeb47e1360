"""Submissions: what a unique key, an idempotency key and a batch promise."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter

import pytest
from working import working

from duly.errors import IdempotencyConflict, RequestRefused
from duly.jobs.filters import JobFilters
from duly.jobs.status import JobStatus
from duly.jobs.submission import Idempotency, Submission
from duly.wiring import open_engine

DONE, PENDING = JobStatus.DONE, JobStatus.PENDING


@pytest.fixture
async def client(settings):
    async with open_engine(settings, migrate=False) as engine:
        yield engine.client


async def test_the_answer_to_a_submission_is_the_job_that_is_stored(client):
    submission = Submission(
        job_type="email", payload='{"to": "someone@example.com"}', queue="mail", priority=-7,
        max_attempts=9, delay=3600, unique_key="greeting", tags=("weekly", "ünïcode"),
    )  # fmt: skip

    answered = await client.enqueue(submission)

    stored = await client.get(answered.id)
    assert stored == answered
    assert (stored.scheduled_at - stored.created_at).total_seconds() == pytest.approx(3600)


async def test_a_submission_with_a_held_unique_key_answers_the_live_job(client):
    first = await client.enqueue(keyed("report-1", job_type="report"))

    second = await client.enqueue(keyed("report-1", job_type="other"))
    other = await client.enqueue(keyed("report-2"))

    assert second == first
    assert other.id != first.id
    assert len(await client.list(JobFilters())) == 2


async def test_a_unique_key_is_free_again_when_its_job_has_ended(settings):
    async with working(settings, {"report": _done, "broken": _broken}) as work:
        done = await work.enqueue("report", unique_key="a")
        failed = await work.enqueue("broken", unique_key="b", max_attempts=1)
        cancelled = await work.enqueue("report", unique_key="c", delay=3600)
        await work.ends(done)
        await work.ends(failed)
        await work.client.cancel(cancelled.id)

        again = [await work.enqueue("report", unique_key=key) for key in "abc"]

        assert not {job.id for job in again} & {done.id, failed.id, cancelled.id}
        assert [(await work.ends(job)).status for job in again] == [DONE] * 3


async def test_a_job_that_waits_for_its_next_attempt_still_holds_its_unique_key(settings):
    async with working(settings, {"broken": _broken}) as work:
        job = await work.enqueue("broken", unique_key="a", max_attempts=2)
        await work.becomes(job, PENDING, attempts=1)

        assert (await work.enqueue("broken", unique_key="a")).id == job.id


async def test_fifty_submitters_of_one_unique_key_make_one_job(settings):
    async with open_engine(settings, migrate=False) as one, open_engine(settings) as other:
        jobs = await asyncio.gather(
            *(engine.client.enqueue(keyed("only")) for engine in (one, other) for _ in range(25))
        )

        assert len({job.id for job in jobs}) == 1
        assert len(await one.client.list(JobFilters())) == 1


async def test_jobs_of_one_unique_key_never_run_at_once_however_fast_they_come_and_go(settings):
    running: Counter[str] = Counter()
    most: list[int] = []

    async def note(payload: str):
        running[payload] += 1
        most.append(running[payload])
        await asyncio.sleep(0)
        running[payload] -= 1

    async with working(settings, {"note": note}) as work:

        async def submit_many():
            return [await work.enqueue("note", key, unique_key=key) for key in "abc" * 20]

        answers = await asyncio.gather(*(submit_many() for _ in range(5)))
        jobs = {job.id: job for mine in answers for job in mine}
        ended = [await work.ends(job_id) for job_id in jobs]

    assert {job.status for job in ended} == {DONE}
    assert len(most) == len(jobs) >= 3
    assert set(most) == {1}


async def test_fifty_requests_with_one_idempotency_key_make_one_job(settings):
    async with open_engine(settings, migrate=False) as one, open_engine(settings) as other:
        jobs = await asyncio.gather(
            *(
                engine.client.enqueue(Submission(job_type="pay"), idempotency=request("k"))
                for engine in (one, other)
                for _ in range(25)
            )
        )

        assert len({job.id for job in jobs}) == 1
        assert len(await one.client.list(JobFilters())) == 1


async def test_an_idempotency_key_is_answered_with_its_job_even_when_that_has_ended(settings):
    async with working(settings, {"pay": _done}) as work:
        submission = Submission(job_type="pay")
        first = await work.client.enqueue(submission, idempotency=request("k"))
        ended = await work.ends(first)

        again = await work.client.enqueue(submission, idempotency=request("k"))

        assert again == ended


async def test_an_idempotency_key_with_another_body_is_a_conflict(client):
    submission = Submission(job_type="pay")
    await client.enqueue(submission, idempotency=request("k", body=b"one"))

    with pytest.raises(IdempotencyConflict):
        await client.enqueue(submission, idempotency=request("k", body=b"two"))

    assert len(await client.list(JobFilters())) == 1


async def test_of_two_different_bodies_at_once_under_one_key_one_is_refused(client):
    submission = Submission(job_type="pay")

    answers = await asyncio.gather(
        *(client.enqueue(submission, idempotency=request("k", body=body)) for body in (b"1", b"2")),
        return_exceptions=True,
    )

    assert Counter(type(answer).__name__ for answer in answers) == {
        "Job": 1,
        "IdempotencyConflict": 1,
    }
    assert len(await client.list(JobFilters())) == 1


async def test_a_new_idempotency_key_with_a_held_unique_key_remembers_the_live_job(client):
    holder = await client.enqueue(keyed("held"))

    answers = [
        await client.enqueue(keyed("held"), idempotency=request("k")),
        await client.enqueue(keyed("held"), idempotency=request("k")),
    ]

    assert {job.id for job in answers} == {holder.id}
    assert len(await client.list(JobFilters())) == 1


async def test_a_batch_answers_its_jobs_in_order(client):
    batch = [Submission(job_type=f"type-{n}", delay=60 if n % 2 else None) for n in range(1_500)]

    jobs = await client.enqueue_many(batch)

    assert [job.job_type for job in jobs] == [one.job_type for one in batch]
    assert len({job.id for job in jobs}) == 1_500


async def test_a_batch_names_the_submission_that_is_refused_and_makes_no_job(client):
    batch = [Submission(job_type="fine"), Submission(job_type="fine", priority=5_000)]

    with pytest.raises(RequestRefused) as refusal:
        await client.enqueue_many(batch)

    assert refusal.value.fields["path"] == "$[1].priority"
    assert await client.list(JobFilters()) == []


async def test_a_batch_that_the_database_refuses_makes_no_job(client):
    batch = [Submission(job_type="fine"), Submission(job_type="fine", payload="no JSON")]

    with pytest.raises(Exception, match="invalid input syntax for type json"):
        await client.enqueue_many(batch)

    assert await client.list(JobFilters()) == []


async def test_a_batch_with_the_same_unique_key_twice_makes_one_job(client):
    jobs = await client.enqueue_many([keyed("same"), keyed("other"), keyed("same")])

    assert jobs[0].id == jobs[2].id != jobs[1].id
    assert len(await client.list(JobFilters())) == 2


async def test_an_empty_batch_makes_no_job(client):
    assert await client.enqueue_many([]) == []


async def test_a_bad_submission_costs_none_of_those_that_were_gathered_with_it(client):
    good = [Submission(job_type=f"good-{n}") for n in range(20)]
    bad = Submission(job_type="bad", payload="no JSON")

    answers = await asyncio.gather(
        *(client.enqueue(one) for one in [*good[:10], bad, *good[10:]]), return_exceptions=True
    )

    broken = answers.pop(10)
    assert isinstance(broken, Exception)
    assert [job.job_type for job in answers] == [one.job_type for one in good]
    assert len(await client.list(JobFilters())) == 20


async def test_a_submitter_that_goes_away_does_not_disturb_the_others(client):
    first = asyncio.create_task(client.enqueue(Submission(job_type="first")))
    await asyncio.sleep(0)
    waiting = [asyncio.create_task(client.enqueue(Submission(job_type="on"))) for _ in range(5)]
    await asyncio.sleep(0)

    first.cancel()
    waiting[2].cancel()
    answers = await asyncio.gather(*waiting, return_exceptions=True)

    assert isinstance(answers.pop(2), asyncio.CancelledError)
    assert {job.job_type for job in answers} == {"on"}


def keyed(key, *, job_type="report"):
    return Submission(job_type=job_type, unique_key=key)


def request(key, *, body=b"body"):
    return Idempotency(key=key, fingerprint=hashlib.sha256(body).digest())


async def _done(_payload):
    return None


async def _broken(_payload):
    raise RuntimeError("broken")

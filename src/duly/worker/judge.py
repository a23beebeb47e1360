"""From what a handler did to what becomes of its job. Knows no database and no event loop."""

from __future__ import annotations

import traceback
from dataclasses import replace
from typing import Any

import msgspec

from ..errors import PayloadRefused
from ..handlers.failure_policy import FailurePolicy
from ..jobs.backoff import backoff
from ..jobs.outcome import Cancel, Discard, Outcome, RetryAfter, Snooze
from ..jobs.payload import encode_payload
from ..jobs.status import JobStatus
from ..jobs.text import clean_text
from ..store.claimed import ClaimedJob, Settlement

LONGEST_RESULT = 65_536


def completed(job: ClaimedJob, answer: Any) -> Settlement:
    """What becomes of a job whose handler returned `answer`."""
    if isinstance(answer, Outcome):
        return answered(job, answer)
    if answer is None:
        return Settlement(job, "complete", JobStatus.DONE)
    try:
        result = encode_payload(answer, "result")
    except (PayloadRefused, msgspec.MsgspecError) as error:
        return discarded(job, f"the handler returned something that cannot be stored: {error}")
    if len(result.encode()) > LONGEST_RESULT:
        return discarded(job, f"the handler returned a result of over {LONGEST_RESULT} bytes")
    return Settlement(job, "complete", JobStatus.DONE, result=result)


def answered(job: ClaimedJob, answer: Outcome) -> Settlement:
    """What becomes of a job whose handler answered with an outcome."""
    match answer:
        case Snooze(seconds=seconds):
            return Settlement(job, "snooze", JobStatus.PENDING, delay=seconds)
        case RetryAfter(seconds=seconds, reason=reason):
            return failed(job, reason, delay=seconds)
        case Cancel(reason=reason):
            return Settlement(job, "cancel", JobStatus.CANCELLED, error=clean_text(reason))
        case Discard(reason=reason):
            return discarded(job, reason)
        case _:
            return failed(job, str(answer))


def raised(
    job: ClaimedJob, error: BaseException, policy: FailurePolicy, text: str = ""
) -> Settlement:
    """What becomes of a job whose handler raised `error`: what the handler says of such errors.

    A policy that breaks leaves an ordinary failure, with the ordinary back-off. `text` is told
    instead of the error and its traceback.
    """
    text = text or describe(error)
    try:
        answer = policy.outcome_of(error)
        if answer is None:
            return failed(job, text, delay=policy.delay(job.attempt))
        settlement = answered(job, answer)
    except Exception as broken:  # noqa: BLE001 - it is the code of others
        return failed(job, f"{text}\n\nand what was to be done then broke: {describe(broken)}")
    if settlement.error is None:
        return settlement
    return replace(settlement, error=clean_text(f"{settlement.error}\n\n{text}"))


def failed(job: ClaimedJob, error: str, *, delay: float | None = None) -> Settlement:
    """The attempt failed: the job is tried again after its back-off while attempts are left."""
    text = clean_text(error)
    if job.attempt >= job.max_attempts:
        return Settlement(job, "fail", JobStatus.FAILED, error=text)
    wait = backoff(job.attempt) if delay is None else delay
    return Settlement(job, "fail", JobStatus.PENDING, delay=wait, error=text)


def discarded(job: ClaimedJob, reason: str) -> Settlement:
    """No use trying again."""
    return Settlement(job, "discard", JobStatus.FAILED, error=clean_text(reason))


def released(job: ClaimedJob, *, kept: bool) -> Settlement:
    """The job goes back at once and uncharged: its worker stops."""
    error = "its worker stopped before the job was finished" if kept else None
    return Settlement(job, "release", JobStatus.PENDING, error=error, kept=kept)


def left(job: ClaimedJob, delay: float) -> Settlement:
    """The job goes back uncharged, for another worker: this one does not know how to do it."""
    return Settlement(job, "release", JobStatus.PENDING, delay=delay, kept=False)


def cancelled(job: ClaimedJob) -> Settlement:
    """Somebody asked for the job to be stopped, and it was."""
    return Settlement(job, "cancel", JobStatus.CANCELLED, error="cancelled while it was running")


def describe(error: BaseException) -> str:
    """The error as text: type and message, then the traceback of the handler's own code."""
    message = _message_of(error)
    headline = f"{type(error).__name__}: {message}" if message else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/duly/worker/" not in frame.filename]
    if not own:
        return headline
    return headline + "\n\n" + "".join(traceback.format_list(own)[-8:]).rstrip()


def _message_of(error: BaseException) -> str:
    """What an error says of itself; a broken `__str__` must not keep its job from failing."""
    try:
        return str(error).strip()
    except Exception as broken:  # noqa: BLE001 - it is the code of others
        return f"(its message cannot be read: {type(broken).__name__})"

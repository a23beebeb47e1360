"""What travels: the bodies that are accepted, and how bytes become submissions.

Text that is not JSON is malformed (400); JSON that does not fit is refused with its path (422).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, TypeVar, cast

import msgspec
from msgspec import Meta

from ..errors import PayloadRefused, RequestRefused
from ..jobs.payload import TOO_DEEP, check_payload, read_payload
from ..jobs.submission import (
    LONGEST_DELAY,
    LONGEST_KEY,
    LONGEST_NAME,
    MOST_ATTEMPTS,
    MOST_TAGS,
    PRIORITIES,
    Submission,
)
from .problems import MalformedJson

MOST_JOBS = 10_000
NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.:/@-]*$"

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN)]
Tag = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Body = TypeVar("Body")


class JobRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A job to be made. A field that is null counts as not given, except the payload.

    `run_at` says when the job may start, with an offset; `scheduled_at` is another name for it.
    `delay` says the same in seconds from now.
    """

    job_type: Name
    payload: msgspec.Raw = msgspec.field(default_factory=lambda: msgspec.Raw(b"{}"))
    queue: Name | None = None
    priority: Annotated[int, Meta(ge=PRIORITIES[0], le=PRIORITIES[1])] | None = None
    max_attempts: Annotated[int, Meta(ge=1, le=MOST_ATTEMPTS)] | None = None
    run_at: Annotated[datetime, Meta(tz=True)] | None = None
    scheduled_at: Annotated[datetime, Meta(tz=True)] | None = None
    delay: Annotated[float, Meta(ge=0, le=LONGEST_DELAY)] | None = None
    unique_key: Annotated[str, Meta(min_length=1, max_length=LONGEST_KEY)] | None = None
    tags: Annotated[list[Tag], Meta(max_length=MOST_TAGS)] | None = None

    def submission(self, path: str = "$") -> Submission:
        """This request as the rest of duly knows it, with its payload checked.

        The rules for the other fields are applied by whoever makes the job, for every door.
        """
        if self.run_at is not None and self.scheduled_at is not None:
            raise RequestRefused(
                path=f"{path}.scheduled_at",
                reason="is another name for run_at: give one of them",
            )
        return Submission(
            job_type=self.job_type,
            payload=read_payload(bytes(self.payload), f"{path}.payload"),
            queue=self.queue,
            priority=self.priority or 0,
            max_attempts=self.max_attempts,
            run_at=self.run_at or self.scheduled_at,
            delay=self.delay,
            unique_key=self.unique_key,
            tags=tuple(self.tags or ()),
        )


class NoFields(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An object without fields: what is asked for is in the address."""


_job = msgspec.json.Decoder(JobRequest).decode
_jobs = msgspec.json.Decoder(list[JobRequest]).decode
_no_fields = msgspec.json.Decoder(NoFields).decode


def read_job(body: bytes, path: str = "$") -> Submission:
    """The submission in a JSON object."""
    return _decode(_job, body, path).submission(path)


def read_jobs(body: bytes) -> list[Submission]:
    """The submissions in a JSON array."""
    requests = _decode(_jobs, body, "$")
    _check_count(len(requests))
    return [request.submission(f"$[{index}]") for index, request in enumerate(requests)]


def read_lines(body: bytes) -> list[Submission]:
    """The submissions in lines of JSON; empty lines do not count."""
    lines = [line for line in body.split(b"\n") if line.strip()]
    _check_count(len(lines))
    return [read_job(line, f"$[{index}]") for index, line in enumerate(lines)]


def read_no_fields(body: bytes) -> None:
    """Accept nothing, or an object without fields."""
    if body.strip():
        _decode(_no_fields, body, "$")


def read_as(decode: Callable[[bytes], Body], body: bytes) -> Body:
    """What `decode` makes of a body; MalformedJson or RequestRefused where it cannot."""
    return _decode(decode, body, "$")


def reason_and_path(message: str) -> tuple[str, str]:
    """What msgspec says, taken apart: the reason, and the path of what is at fault."""
    reason, _, at = message.rpartition(" - at `")
    reason, path = (reason, at.rstrip("`")) if reason else (message, "$")
    named = re.match(r"Object (contains unknown|missing required) field `(.*)`", reason, re.DOTALL)
    if named is None:
        return reason[0].lower() + reason[1:], path
    is_unknown = named[1] == "contains unknown"
    return "is no field here" if is_unknown else "is missing", f"{path}.{named[2]}"


def _check_count(count: int) -> None:
    if count > MOST_JOBS:
        raise RequestRefused(path="$", reason=f"holds {count} jobs, at most {MOST_JOBS} at once")


def _decode(decode: Callable[[bytes], Body], body: bytes, path: str) -> Body:
    try:
        if not body.isascii():
            body.decode()
        return decode(body)
    except UnicodeDecodeError as error:
        raise MalformedJson(reason=f"byte {error.start} is not UTF-8", path=path) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise _second_opinion(body, error, path) from None


def _second_opinion(body: bytes, error: Exception, path: str) -> Exception:
    """What to say of a body that msgspec refused.

    msgspec takes a lone surrogate for a syntax error, and stops at the first field that does not
    fit without reading on. Whether the text is JSON at all is asked of the standard library.
    """
    try:
        value = json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        return RequestRefused(path=path, reason=TOO_DEEP)
    except json.JSONDecodeError as malformed:
        return MalformedJson(reason=str(malformed), path=path)
    except ValueError as malformed:
        return RequestRefused(path=path, reason=f"holds what cannot be read ({malformed})")
    if isinstance(error, msgspec.ValidationError):
        reason, where = reason_and_path(str(error))
        return RequestRefused(path=path + where.removeprefix("$"), reason=reason)
    return _unstorable(value, path) or MalformedJson(reason=str(error), path=path)


def _unstorable(value: Any, path: str) -> Exception | None:
    is_list = isinstance(value, list)
    items = cast("list[Any]", value) if is_list else [value]
    for index, item in enumerate(items):
        try:
            check_payload(item, f"{path}[{index}]" if is_list else path)
        except PayloadRefused as refusal:
            return refusal
    return None


def _refuse_constant(name: str) -> None:
    raise json.JSONDecodeError(f"{name} is not JSON", name, 0)

"""The parameters after the question mark: what each route knows, and how they are read."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from functools import cache
from typing import Annotated, Literal, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID

import msgspec
from msgspec import Meta

from ..errors import RequestRefused
from ..jobs.status import JobStatus
from ..jobs.submission import FIRST_YEAR, LAST_YEAR, LONGEST_NAME
from ..jobs.text import clean_text
from .request import Request
from .wire import reason_and_path

MOST_PARAMETERS = 50
POSITION = r"^(0|[A-Za-z0-9_-]{1,64}\.[0-9]{1,18})$"

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME)]
Position = Annotated[str, Meta(pattern=POSITION)]
Include = Annotated[str, Meta(pattern=r"^(progress|log)(,(progress|log))?$")]
Query = TypeVar("Query", bound=msgspec.Struct)


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameter at all."""


class ListQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which jobs to list, and from where on."""

    status: JobStatus | None = None
    job_type: Name | None = None
    queue: Name | None = None
    tag: Name | None = None
    created_after: Annotated[datetime, Meta(tz=True)] | None = None
    created_before: Annotated[datetime, Meta(tz=True)] | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 50
    cursor: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{22}$")] | None = None


class EventQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events to tell, and after which position: by default, those from now on."""

    status: JobStatus | None = None
    job_type: Name | None = None
    queue: Name | None = None
    job_id: UUID | None = None
    tag: Name | None = None
    after: Position | None = None
    include: Include | None = None
    format: Literal["sse", "json"] = "sse"
    limit: Annotated[int, Meta(ge=1, le=1000)] | None = None


def read_query(request: Request, kind: type[Query]) -> Query:
    """The parameters of `request`; RequestRefused for what is unknown, repeated or does not fit."""
    values: dict[str, object] = {}
    for name, text in _pairs(request.query_string):
        if name in values:
            raise RequestRefused(path=f"?{name}", reason="was given more than once")
        values[name] = _number(text) if name in _numbers(kind) else text
    try:
        query = msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), kind, values) from None
    for name, value in values.items():
        if isinstance(moment := getattr(query, name), datetime):
            _check_year(moment, name)
        elif isinstance(value, str) and clean_text(value) != value:
            raise RequestRefused(path=f"?{name}", reason="holds what PostgreSQL cannot store")
    return query


def write_cursor(job_id: UUID) -> str:
    """Where a page of jobs ended, as text without a meaning for anybody else."""
    return base64.urlsafe_b64encode(job_id.bytes).rstrip(b"=").decode()


def read_cursor(cursor: str) -> UUID:
    """The id that `write_cursor` was given; RequestRefused when it did not write this."""
    try:
        return UUID(bytes=base64.urlsafe_b64decode(cursor + "=="))
    except (ValueError, binascii.Error):
        reason = "is none that this server gave out: take it from a Link header as it is"
        raise RequestRefused(path="?cursor", reason=reason) from None


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_PARAMETERS,
        )
    except UnicodeDecodeError:
        raise RequestRefused(path="?", reason="is not percent-encoded UTF-8") from None
    except ValueError:
        reason = f"holds more than {MOST_PARAMETERS} parameters"
        raise RequestRefused(path="?", reason=reason) from None


@cache
def _numbers(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(
        field.encode_name for field in msgspec.structs.fields(kind) if _is_number(field.type)
    )


def _is_number(hint: object) -> bool:
    info = msgspec.inspect.type_info(hint)
    kinds = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    return any(isinstance(one, msgspec.inspect.IntType) for one in kinds)


def _number(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else text


def _check_year(moment: datetime, name: str) -> None:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        reason = f"must lie between {FIRST_YEAR} and {LAST_YEAR}"
        raise RequestRefused(path=f"?{name}", reason=reason)


def _refusal(message: str, kind: type[msgspec.Struct], values: dict[str, object]) -> RequestRefused:
    reason, path = reason_and_path(message)
    name = path.removeprefix("$").removeprefix(".")
    if name not in kind.__struct_fields__:
        known = ", ".join(kind.__struct_fields__) or "none"
        return RequestRefused(path=f"?{name}", reason=f"is no parameter here. Known: {known}")
    if " " in str(values.get(name, "")) and "time" in reason.lower():
        reason += " (in a query, + must be written %2B)"
    return RequestRefused(path=f"?{name}", reason=reason)

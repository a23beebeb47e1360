"""What goes wrong, as `application/problem+json` (RFC 9457).

The conditions that only HTTP has are here; all others are in `duly.errors`. Each has its status.
"""

from __future__ import annotations

import logging
import re
import uuid

import msgspec

from ..errors import DulyError, NotFound, Refused, Unavailable
from ..jobs.text import clean_text
from .answer import Answer

log = logging.getLogger(__name__)

MEDIA_TYPE = b"application/problem+json"
LONGEST_DETAIL = 2_000
RETRY_AFTER = b"1"


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not done. `path` is the part of the request at fault.

    `$…` lies in the body, `?…` in the query; anything else is the name of a header.
    """

    type: str
    title: str
    status: int
    detail: str
    path: str | None = None
    instance: str | None = None


class ClientGone(Exception):
    """The client hung up before its request was complete: there is nobody to answer."""


class MalformedJson(Refused):
    """The body is not JSON: {reason}."""

    status = 400


class NotAuthorized(DulyError):
    """This server wants a token: send the header `Authorization: Bearer <token>`."""

    status = 401


class CrossSiteRefused(DulyError):
    """{reason}"""

    status = 403


class RouteNotFound(NotFound):
    """There is no {path} here. GET /openapi.json lists all routes."""


class MethodNotAllowed(Refused):
    """{method} is not possible here, only {allowed}."""

    status = 405


class BodyTooSlow(Refused):
    """The body was not complete after {seconds} seconds."""

    status = 408


class BodyTooLarge(Refused):
    """The body is larger than {most} bytes, which is the limit here."""

    status = 413


class TooManyStreamsOfOne(DulyError):
    """Your address has {most} event streams open, which is the limit here: close one of them."""

    status = 429


class TooManyStreams(Unavailable):
    """This server has {most} event streams open, which is its limit: try again later."""


class MediaTypeRefused(Refused):
    """The body is said to be {given}: send {expected}, in UTF-8."""

    status = 415


def answer_to(error: Exception, request: object) -> Answer:
    """The answer to a request that ended in `error`.

    What is no DulyError is a mistake of ours: it is logged with its traceback under an id, and the
    client learns that id and nothing else.
    """
    if not isinstance(error, DulyError):
        return _unforeseen(error, request)
    kind = type(error)
    path = error.fields.get("path") if issubclass(kind, Refused) else None
    problem = Problem(
        type=type_of(kind),
        title=_title(kind),
        status=kind.status,
        detail=clean_text(str(error), longest=LONGEST_DETAIL),
        path=clean_text(path, longest=LONGEST_DETAIL) if isinstance(path, str) else None,
    )
    return _answer(problem, _headers(error))


def type_of(kind: type[DulyError]) -> str:
    """The name of a problem that programs may compare: `urn:duly:problem:job-not-found`."""
    return "urn:duly:problem:" + "-".join(_words(kind.__name__))


def _unforeseen(error: Exception, request: object) -> Answer:
    name = uuid.uuid4()
    log.error("request %s ended in an error nobody foresaw: %r", name, request, exc_info=error)
    return _answer(
        Problem(
            type="urn:duly:problem:unforeseen",
            title="Unforeseen",
            status=500,
            detail=f"Something went wrong inside duly. Its log tells more, under {name}.",
            instance=name.urn,
        )
    )


def _answer(problem: Problem, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Answer:
    return Answer(
        msgspec.json.encode(problem),
        status=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def _headers(error: DulyError) -> tuple[tuple[bytes, bytes], ...]:
    if error.status == NotAuthorized.status:
        return ((b"www-authenticate", b'Bearer realm="duly"'),)
    if isinstance(error, MethodNotAllowed):
        return ((b"allow", str(error.fields["allowed"]).encode()),)
    if error.status in (429, 503):
        return ((b"retry-after", RETRY_AFTER),)
    return ()


def _title(kind: type[DulyError]) -> str:
    return " ".join(_words(kind.__name__)).capitalize()


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.findall("[A-Z][a-z]*", name)]

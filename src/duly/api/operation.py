"""One method of one path: who answers it, and what is said about it in the documentation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response

from .request import Request

Answerer = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What the router and the OpenAPI document both need to know.

    `bodies` and `answers` give the type of each media type. `refusals` are the statuses that come
    with a problem; those that every guarded operation has are added by the document. An `open`
    operation needs no token, and does not mind parameters that it does not know.
    """

    method: str
    path: str
    answer: Answerer
    summary: str
    answers: Mapping[str, Any]
    status: int = 200
    query: type[msgspec.Struct] | None = None
    bodies: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body_needed: bool = False
    request_headers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    answer_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    refusals: tuple[int, ...] = ()
    also: Mapping[int, Any] = field(default_factory=dict[int, Any])
    open: bool = False
    documented: bool = True

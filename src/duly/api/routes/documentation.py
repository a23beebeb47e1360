"""The description of this door: /openapi.json, and /docs, a page that shows it."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources

from starlette.responses import Response

from ..answer import SAFE_HEADERS, Answer
from ..operation import Operation
from ..request import JSON_TYPE, Request

POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    b" base-uri 'none'; form-action 'none'; frame-ancestors 'none';"
    b" require-trusted-types-for 'script'"
)
PAGE_HEADERS = (
    *SAFE_HEADERS,
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
    (b"content-security-policy", POLICY),
)
FILES = {
    "/docs": ("docs.html", "text/html; charset=utf-8"),
    "/docs/docs.js": ("docs.js", "text/javascript; charset=utf-8"),
    "/docs/docs.css": ("docs.css", "text/css; charset=utf-8"),
}


class DocumentationRoutes:
    """Serves the document that `document` makes, which is asked for once, and the page for it."""

    def __init__(self, document: Callable[[], bytes]) -> None:
        self._document = document
        self._made: bytes | None = None

    def operations(self) -> list[Operation]:
        """What these routes offer."""
        described = Operation(
            method="GET",
            path="/openapi.json",
            answer=self.describe,
            summary="This description.",
            answers={JSON_TYPE: dict},
        )
        return [described, *(_file(path, *FILES[path]) for path in FILES)]

    async def describe(self, _request: Request) -> Response:
        """Answer the OpenAPI document."""
        if self._made is None:
            self._made = self._document()
        return Answer(self._made)


def _file(path: str, name: str, media_type: str) -> Operation:
    body = resources.files("duly.api").joinpath("static", name).read_bytes()

    async def answer(_request: Request) -> Response:
        return Answer(body, media_type=media_type.encode(), safety=PAGE_HEADERS)

    return Operation(
        method="GET",
        path=path,
        answer=answer,
        summary="This description, to be read by people.",
        answers={media_type.partition(";")[0]: str},
        documented=path == "/docs",
    )

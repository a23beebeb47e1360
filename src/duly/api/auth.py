"""Who may call: the bearer token, and the pages that a browser must not let through.

A server without a token trusts whoever reaches it, which on a developer's machine is every web
page in their browser. So a browser's request from another origin is refused, and without a token
so is a host name that is not ours (DNS rebinding). Refusing to bind is left to the wiring.
"""

from __future__ import annotations

import hmac
import ipaddress
import re

from ..config import Settings
from .problems import CrossSiteRefused, NotAuthorized
from .request import Request

READING = frozenset({"GET", "HEAD"})
OWN_SITES: tuple[list[bytes], ...] = ([], [b"same-origin"], [b"none"])

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^:\[\]/@\s]+)(?::[0-9]{1,5})?\Z")


class Guard:
    """Lets a request through, or raises."""

    def __init__(self, settings: Settings) -> None:
        self._token = None if settings.token is None else settings.token.reveal().encode()
        self._checks_host = settings.token is None and not settings.insecure
        self._own_name = settings.host.lower()
        self._known: set[bytes] = set()

    def check(self, request: Request) -> None:
        """Raise CrossSiteRefused or NotAuthorized unless `request` may be answered."""
        if self._checks_host:
            self._check_host(request)
        self._check_origin(request)
        if self._token is not None and not self._is_authorized(request, self._token):
            raise NotAuthorized

    def _is_authorized(self, request: Request, token: bytes) -> bool:
        values = request.headers(b"authorization")
        if len(values) != 1:
            return False
        scheme, _, given = values[0].partition(b" ")
        return hmac.compare_digest(given.strip(), token) and scheme.lower() == b"bearer"

    def _check_host(self, request: Request) -> None:
        hosts = request.headers(b"host")
        if not hosts or (len(hosts) == 1 and hosts[0] in self._known):
            return
        if len(hosts) > 1 or not self._is_ours(hosts[0].decode("latin-1").lower()):
            raise CrossSiteRefused(
                reason="The Host header names a host that this server does not know as its own."
                " Set DULY_TOKEN, or DULY_INSECURE=1, to be reached by any name."
            )
        if len(self._known) < 100:
            self._known.add(hosts[0])

    def _is_ours(self, host: str) -> bool:
        """Whether a page from elsewhere could not have made a browser say this name.

        Rebinding needs a name that its attacker controls: an address is none.
        """
        match = _HOST.match(host)
        if match is None:
            return False
        name = match["name"].strip("[]").rstrip(".")
        if name in (self._own_name, "localhost") or name.endswith(".localhost"):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _check_origin(self, request: Request) -> None:
        site = request.headers(b"sec-fetch-site")
        if site:
            opens_page = request.method in READING and request.headers(b"sec-fetch-mode") == [
                b"navigate"
            ]
            if site in OWN_SITES or opens_page:
                return
        elif (
            request.method in READING
            or not (origins := request.headers(b"origin"))
            or [origin.partition(b"://")[2].lower() for origin in origins]
            == [host.lower() for host in request.headers(b"host")]
        ):
            return
        raise CrossSiteRefused(reason="A web page of another origin may not use this server.")

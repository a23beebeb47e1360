"""One e-mail address, read strictly: what might be two, or might leave its header, is refused."""

from __future__ import annotations

import re
from email.header import Header

import idna
import msgspec

from ...jobs.outcome import Discard

LONGEST_WRITTEN = 1_000
LONGEST_LOCAL = 64  # bytes, RFC 5321, 4.5.3.1.1
LONGEST_ADDRESS = 254  # bytes, RFC 5321, 4.5.3.1.3 without the angle brackets

# Line breaks of every kind that Python or a mail program may see as one, and other controls.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u00a1-\U0010ffff-]+"
_WRITTEN = re.compile(rf'\s*(?P<name>{_QUOTED}|[^"<>,;:@\\]*?)\s*<(?P<spec>[^<>]+)>\s*')
# No backslash: aiosmtplib would take it away, and send to another address than was asked for.
_LOCAL = re.compile(rf'{_ATOM}(?:\.{_ATOM})*|"[^"\\]*"')
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\[(?:IPv6:)?[0-9A-Fa-f.:]+\]")
_PRINTABLE = re.compile(r"[ -~]{0,60}")


class Mailbox(msgspec.Struct, frozen=True):
    """An address, and the name of its owner where that was given. The domain is ASCII."""

    spec: str
    name: str = ""

    @property
    def domain(self) -> str:
        """What follows the last @."""
        return self.spec.rpartition("@")[2]

    @property
    def header(self) -> str:
        """As it is written in a header."""
        return f"{_phrase(self.name)} <{self.spec}>" if self.name else self.spec


def read_mailbox(text: str, field: str) -> Mailbox:
    """`ada@example.org`, `<ada@example.org>` or `Ada <ada@example.org>`.

    Raises Discard, which names `field`, for anything else: so also for two addresses in one text.
    """
    if CONTROLS.search(text):
        raise Discard(f"{field}: holds a line break or another control character")
    written = _WRITTEN.fullmatch(text) if len(text) <= LONGEST_WRITTEN else None
    spec = written["spec"] if written else text.strip(" ")
    local, _, domain = spec.rpartition("@")
    try:
        domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        domain = ""
    if not _is_valid(local, domain):
        raise Discard(f"{field}: {text[:100]!r} is not one e-mail address")
    return Mailbox(f"{local}@{domain}", _unquoted(written["name"]) if written else "")


def _is_valid(local: str, domain: str) -> bool:
    size = len(local.encode("utf-8", "replace"))
    return (
        size <= LONGEST_LOCAL
        and size + 1 + len(domain) <= LONGEST_ADDRESS
        and _LOCAL.fullmatch(local) is not None
        and _DOMAIN.fullmatch(domain) is not None
    )


def _unquoted(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name


def _phrase(name: str) -> str:
    if not _PRINTABLE.fullmatch(name) or "=?" in name:
        return encoded(name)
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def encoded(text: str) -> str:
    """Any text as encoded words of RFC 2047, on as many lines as they need."""
    # The folding of `EmailMessage` loses addresses and spaces in Python 3.11 where names hold
    # letters beyond ASCII next to commas or brackets; `Header` does not.
    return Header(text, "utf-8", maxlinelen=70, header_name="Reply-To").encode(linesep="\r\n")

"""Takes our password out of what a mail server said, and makes one short line of it."""

from __future__ import annotations

import base64
import re

from ...config import Settings
from ...jobs.text import clean_text
from .address import CONTROLS

MASK = "•••"
LONGEST_BYTES = 400

# A server may echo the AUTH command, also cut short: every piece of its data is taken out.
_ENCODED = re.compile(r"[A-Za-z0-9+/=]{6,}")


class Scrubber:
    """Knows the password and how AUTH PLAIN and AUTH LOGIN encode it."""

    def __init__(self, settings: Settings) -> None:
        secret = settings.smtp_password
        self._password = "" if secret is None else secret.reveal()
        user = settings.smtp_username or ""
        plain = (self._password, f"\0{user}\0{self._password}") if self._password else ()
        self._encoded = [base64.b64encode(one.encode()).decode() for one in plain]

    def clean(self, text: str) -> str:
        """`text` without the password, on one line of some 400 bytes, storable and printable."""
        if self._password:
            for encoded in self._encoded:
                text = text.replace(encoded, MASK)
            text = text.replace(self._password, MASK)
            text = _ENCODED.sub(self._masked, text)
        line = " ".join(CONTROLS.sub(" ", text).split())
        return clean_text(line, longest=LONGEST_BYTES)

    def _masked(self, found: re.Match[str]) -> str:
        return MASK if any(found[0] in encoded for encoded in self._encoded) else found[0]

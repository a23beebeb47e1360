"""Text that PostgreSQL can store: the one function that every writer of free text goes through."""

from __future__ import annotations

REPLACEMENT = "\ufffd"
LONGEST_BYTES = 8_000
CUT = " […] ".encode()


def clean_text(text: str, *, longest: int = LONGEST_BYTES) -> str:
    """`text` with U+0000 and lone surrogates replaced by U+FFFD, at most `longest` bytes of UTF-8.

    PostgreSQL stores neither, and an error message that cannot be stored would leave its job
    running for ever. Text that is too long loses its middle, since errors end with the cause.
    """
    plain = text.replace("\x00", REPLACEMENT)
    if not plain.isascii():
        plain = "".join(REPLACEMENT if 0xD800 <= ord(c) <= 0xDFFF else c for c in plain)
    data = plain.encode()
    if len(data) <= longest:
        return plain
    if longest <= len(CUT):
        return data[:longest].decode("utf-8", "ignore")
    kept = longest - len(CUT)
    head = data[: kept - kept // 2].decode("utf-8", "ignore")
    tail = data[len(data) - kept // 2 :].decode("utf-8", "ignore")
    return head + CUT.decode() + tail

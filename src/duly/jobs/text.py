"""Text that PostgreSQL can store: the one function that every writer of free text goes through."""

from __future__ import annotations

REPLACEMENT = "\ufffd"
LONGEST_BYTES = 8_000


def clean_text(text: str, *, longest: int = LONGEST_BYTES) -> str:
    """`text` with U+0000 and lone surrogates replaced by U+FFFD, at most `longest` bytes of UTF-8.

    PostgreSQL stores neither, and an error message that cannot be stored would leave its job
    running for ever. Text that is too long loses its middle, since errors end with the cause.
    """
    plain = text.replace("\x00", REPLACEMENT)
    data = plain.encode("utf-8", "surrogatepass" if plain.isascii() else "replace")
    if not plain.isascii():
        plain = "".join(REPLACEMENT if 0xD800 <= ord(c) <= 0xDFFF else c for c in plain)
        data = plain.encode("utf-8")
    if len(data) <= longest:
        return plain
    half = (longest - 5) // 2
    head = data[:half].decode("utf-8", "ignore")
    tail = data[-half:].decode("utf-8", "ignore")
    return f"{head} […] {tail}" if longest > 40 else head

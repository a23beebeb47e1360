"""What a payload may hold: JSON that PostgreSQL can store and every client can read back.

jsonb stores things that Python cannot read (ten thousand levels, numbers of thousands of digits)
and refuses things that Python's parser lets through (U+0000). Both are kept out here.
"""

from __future__ import annotations

import math
from typing import Any, cast

import msgspec

from ..errors import PayloadRefused

DEEPEST = 64
MOST_NODES = 10_000
LONGEST_NUMBER = 40
TOO_DEEP = f"nested deeper than {DEEPEST} levels"


def encode_payload(value: Any, path: str = "$.payload") -> str:
    """`value` as JSON text; raises PayloadRefused where it cannot be JSON or may not be stored."""
    try:
        encoded = msgspec.json.encode(value, enc_hook=_plain)
        plain = msgspec.json.decode(encoded)
    except RecursionError:
        raise PayloadRefused(path=path, reason=TOO_DEEP) from None
    except (TypeError, ValueError) as error:
        raise PayloadRefused(path=path, reason=f"is not JSON ({error})") from None
    _refuse_lost_floats(value, path)
    check_payload(plain, path)
    return encoded.decode()


def _plain(value: Any) -> Any:
    """A pydantic model as what JSON knows; without pydantic there are none."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    raise TypeError(f"objects of type {type(value).__name__} are not JSON")


def read_payload(raw: bytes | memoryview, path: str = "$.payload") -> str:
    """Check JSON text that came from outside, and return it as it is.

    The text is kept, not what Python made of it, so that a number keeps all its digits.
    """
    try:
        value = msgspec.json.decode(raw)
    except RecursionError:
        raise PayloadRefused(path=path, reason=TOO_DEEP) from None
    except (ValueError, msgspec.MsgspecError) as error:
        raise PayloadRefused(path=path, reason=str(error)) from None
    check_payload(value, path)
    return bytes(raw).decode()


def check_payload(value: Any, path: str = "$.payload") -> None:
    """Raise PayloadRefused with the path of the first thing in `value` that may not be stored."""
    pending: list[tuple[Any, str, int]] = [(value, path, 1)]
    nodes = 0
    while pending:
        node, where, depth = pending.pop()
        nodes += 1
        if nodes > MOST_NODES:
            raise PayloadRefused(path=path, reason=f"holds more than {MOST_NODES} values")
        if isinstance(node, str):
            _check_text(node, where)
        elif isinstance(node, (int, float)):
            _check_number(node, where)
        elif isinstance(node, (dict, list)):
            if depth > DEEPEST:
                raise PayloadRefused(path=path, reason=TOO_DEEP)
            pending.extend(_children(cast("dict[str, Any] | list[Any]", node), where, depth + 1))


def _children(
    node: dict[str, Any] | list[Any], where: str, depth: int
) -> list[tuple[Any, str, int]]:
    if isinstance(node, list):
        return [(item, f"{where}[{index}]", depth) for index, item in enumerate(node)]
    for key in node:
        _check_text(key, f"{where}: the key {key[:40]!r}")
    return [(item, f"{where}.{key[:80]}", depth) for key, item in node.items()]


def _check_text(text: str, where: str) -> None:
    if "\x00" in text:
        raise PayloadRefused(path=where, reason="holds U+0000, which PostgreSQL cannot store")
    if not text.isascii() and any(0xD800 <= ord(letter) <= 0xDFFF for letter in text):
        raise PayloadRefused(path=where, reason="holds a lone surrogate, which is not text")


def _check_number(number: float, where: str) -> None:
    if isinstance(number, int) and not -(10**LONGEST_NUMBER) < number < 10**LONGEST_NUMBER:
        raise PayloadRefused(path=where, reason=f"is longer than {LONGEST_NUMBER} digits")


def _refuse_lost_floats(value: Any, path: str) -> None:
    """msgspec writes NaN and the infinities as null: say so instead of losing them."""
    pending: list[tuple[Any, str]] = [(value, path)]
    while pending:
        node, where = pending.pop()
        if isinstance(node, float) and not math.isfinite(node):
            raise PayloadRefused(path=where, reason=f"{node} is not JSON")
        if isinstance(node, dict):
            fields = cast("dict[Any, Any]", node)
            pending.extend((item, f"{where}.{key}") for key, item in fields.items())
        elif isinstance(node, (list, tuple)):
            items = cast("list[Any]", node)
            pending.extend((item, f"{where}[{index}]") for index, item in enumerate(items))

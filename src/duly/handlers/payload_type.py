"""What a handler is annotated with: payloads are read as that, refused by it, described by it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from ..errors import PayloadRefused

ANYTHING: tuple[object, ...] = (Any, object)


class PayloadType:
    """A msgspec Struct, dataclass, TypedDict, pydantic model, or any plain JSON type.

    Making one raises TypeError for a type that no payload can be read as.
    """

    def __init__(self, hint: Any = Any) -> None:
        self.hint: Any = Any if hint in ANYTHING else hint
        self.is_open = hint in ANYTHING
        self._is_pydantic = hasattr(self.hint, "model_validate_json")
        self._read: Callable[[str], Any] = (
            self.hint.model_validate_json if self._is_pydantic else _decoder(self.hint)
        )

    def decode(self, payload: str, path: str = "$.payload") -> Any:
        """The payload as this type; raises PayloadRefused with the path of what does not fit."""
        try:
            return self._read(payload)
        except (ValueError, RecursionError) as error:
            reason, inside = _pydantic_reason(error) if self._is_pydantic else _reason(error)
            raise PayloadRefused(path=f"{path}{inside}", reason=reason) from None

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema (draft 2020-12)."""
        if self._is_pydantic:
            return self.hint.model_json_schema()
        return msgspec.json.schema(self.hint)


def _decoder(hint: Any) -> Callable[[str], Any]:
    kind = msgspec.inspect.type_info(hint)
    if isinstance(kind, msgspec.inspect.CustomType):
        raise TypeError(
            f"a payload cannot be read as {hint!r}: use a msgspec Struct, a dataclass, a TypedDict,"
            " a pydantic model, or plain JSON types"
        )
    return msgspec.json.Decoder(hint).decode


def _reason(error: Exception) -> tuple[str, str]:
    """What msgspec says, taken apart: the reason, and the path inside the payload."""
    reason, _, at = str(error).rpartition(" - at `$")
    if not reason:
        reason, at = str(error), ""
    path = at.rstrip("`")
    missing = re.fullmatch(r"Object missing required field `(.*)`", reason, re.DOTALL)
    if missing is not None:
        return "is missing", f"{path}.{missing[1]}"
    return reason[:1].lower() + reason[1:], path


def _pydantic_reason(error: Any) -> tuple[str, str]:
    """The first thing that pydantic found, without what was given: it may be a secret."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in first["loc"])
    text = str(first["msg"])
    return text[:1].lower() + text[1:], "".join(steps)

"""Log lines on stderr: `key=value` or JSON, one line each, no secrets, no control characters."""

from __future__ import annotations

import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

from ..config import Secret

LEVELS = ("debug", "info", "warning", "error")
SHORTEST_SECRET = 4

NOISY = ("uvicorn", "asyncio", "mail.log")

_STANDARD = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "color_message"}
_PLAIN = re.compile(r"[^\s\"=\x00-\x1f\x7f-\x9f]+\Z")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_PASSWORD = re.compile(r"://[^/@\s]*?:([^@\s]+)@")

_hidden: list[str] = []


def set_up_logging(level: str, *, as_json: bool = False) -> None:
    """Send everything from `level` up to stderr, and nowhere else."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(as_json=as_json))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(max(root.level, logging.WARNING))


def hide(*secrets: Secret | None) -> None:
    """Never log these texts, nor the password in those that are addresses."""
    for secret in secrets:
        if secret is None:
            continue
        text = secret.reveal()
        parts = [text, *_PASSWORD.findall(text)]
        _hidden.extend(part for part in parts if len(part) >= SHORTEST_SECRET)
    _hidden.sort(key=len, reverse=True)


class LineFormatter(logging.Formatter):
    """A record as one line; what was given as `extra` becomes fields of its own."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        fields = self._fields(record)
        if self._as_json:
            line = msgspec.json.encode(fields).decode()
        else:
            line = " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())
        return _CONTROL.sub(_escape, line)

    def _fields(self, record: logging.LogRecord) -> dict[str, str]:
        moment = datetime.fromtimestamp(record.created, UTC)
        fields: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        given = vars(record).items()
        fields.update({key: value for key, value in given if key not in _STANDARD})
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return {key: _without_secrets(f"{value}") for key, value in fields.items()}


def _without_secrets(text: str) -> str:
    for secret in _hidden:
        text = text.replace(secret, "•••")
    return text


def _quoted(text: str) -> str:
    return text if _PLAIN.match(text) else msgspec.json.encode(text).decode()


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"

"""What a supervisor and its worker processes say to one another: a line of JSON each."""

from __future__ import annotations

from uuid import UUID

import msgspec


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """From a process: its worker is at work. `ground` is what both must agree on."""

    slots: int
    job_types: list[str]
    ground: str


class Speak(msgspec.Struct, tag="speak", frozen=True):
    """From a process: send heartbeats for this worker from now on; for none, once it has ended."""

    worker: int | None


class Ended(msgspec.Struct, tag="ended", frozen=True):
    """From a process: so many attempts have ended in it so far."""

    attempts: int


class Confirmed(msgspec.Struct, tag="confirmed", frozen=True):
    """To a process: a heartbeat sent at that moment since boot is written; jobs to be stopped."""

    worker: int
    sent_at: float
    cancelled: list[UUID]


class Denied(msgspec.Struct, tag="denied", frozen=True):
    """To a process: its worker was declared dead."""

    worker: int


Message = Ready | Speak | Ended | Confirmed | Denied

_decoder = msgspec.json.Decoder(Message)


def encode(message: Message) -> bytes:
    """The message as a line."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: bytes) -> Message:
    """The message in a line."""
    return _decoder.decode(line)

"""Events as JSON, one object per line."""

from __future__ import annotations

from typing import Any

import msgspec

from ...api.streaming.change import listed
from ...events.event import Event, Reset


def event_as_data(event: Event | Reset) -> dict[str, Any]:
    """The data of the HTTP stream, and beside it the position, which there is the `id`."""
    if isinstance(event, Reset):
        return {"change": "reset", "reason": event.reason, "position": event.position}
    data: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(listed(event)))
    return data

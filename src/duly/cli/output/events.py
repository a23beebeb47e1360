"""Events as JSON, one object per line."""

from __future__ import annotations

from typing import Any

import msgspec

from ...api.streaming.change import JobChange
from ...events.event import Event, Reset


def event_as_data(event: Event | Reset) -> dict[str, Any]:
    """The data of the HTTP stream, and beside it the position, which there is the `id`."""
    if isinstance(event, Reset):
        return {"change": "reset", "reason": event.reason, "position": event.position}
    fields = {name: getattr(event, name) for name in JobChange.__struct_fields__}
    return {**msgspec.to_builtins(JobChange(**fields)), "position": event.position}

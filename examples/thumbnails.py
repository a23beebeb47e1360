"""A handler as a class: made once per process, so that it can keep what all its jobs need."""

from __future__ import annotations

from typing import Any

from duly import Duly


class ThumbnailHandler:
    """One type of job, one class, one method."""

    job_type = "thumbnail"
    queue = "images"
    timeout = 30.0

    def __init__(self, sizes: tuple[int, ...]) -> None:
        self.sizes = sizes

    async def execute(self, payload: dict[str, Any]) -> list[str]:
        return [f"{payload['image']}@{size}px" for size in self.sizes]


app = Duly()
app.register(ThumbnailHandler(sizes=(64, 256)))

"""Writes the generated pages of the reference. `make docs` runs it; a test compares."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from duly.config import Settings
from duly.errors import DulyError
from duly.jobs.lifecycle import TRANSITIONS

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py: do not edit, run `make docs`. -->\n"


def settings_page() -> str:
    """Every setting: variable, default, meaning."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for field in dataclasses.fields(Settings):
        default = {None: "none", True: "on", False: "off"}.get(field.default, field.default)
        rows.append(f"| `{field.metadata['variable']}` | {default} | {field.metadata['about']} |")
    where = "From the environment, or from `.env` in the working directory; the environment wins,"
    head = f"# Settings\n\n{where} and flags win over both.\n\n"
    return NOTE + head + "\n".join(rows) + "\n"


def lifecycle_page() -> str:
    """The table of verbs and statuses, drawn."""
    lines = [f"{NOTE}# The life of a job\n", "```mermaid", "stateDiagram-v2"]
    rows = ["| verb | from | to | counts as an attempt |", "|---|---|---|---|"]
    for one in TRANSITIONS:
        sources = sorted(one.sources) or ["[*]"]
        targets = sorted(one.targets)
        lines += [f"  {a} --> {b}: {one.verb}" for a in sources for b in targets]
        counted = "yes" if one.counts_attempt else ""
        start = ", ".join(sorted(one.sources)) or "-"
        rows.append(f"| {one.verb} | {start} | {', '.join(targets)} | {counted} |")
    return "\n".join([*lines, "```\n", *rows]) + "\n"


def errors_page() -> str:
    """Every error: its sentence, its HTTP status and its exit code."""
    rows = ["| error | sentence | HTTP | exit code |", "|---|---|---|---|"]
    for kind in sorted(_leaves(DulyError), key=lambda kind: kind.__name__):
        sentence = " ".join((kind.__doc__ or "").split())
        rows.append(f"| `{kind.__name__}` | {sentence} | {kind.status} | {kind.exit_code} |")
    return f"{NOTE}# Errors\n\n" + "\n".join(rows) + "\n"


def _leaves(kind: type[DulyError]) -> list[type[DulyError]]:
    below = [one for one in kind.__subclasses__() if one.__module__ == DulyError.__module__]
    return [leaf for one in below for leaf in _leaves(one)] if below else [kind]


PAGES = {"settings.md": settings_page, "lifecycle.md": lifecycle_page, "errors.md": errors_page}


if __name__ == "__main__":
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())

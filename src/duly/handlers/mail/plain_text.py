"""A plain text for readers who do not see HTML. One pass, so that no markup can make it slow."""

from __future__ import annotations

import html
import re

HIDDEN = frozenset({"script", "style", "head", "title"})
BREAKING = frozenset({"br", "p", "div", "tr", "li", "ul", "ol", "table", "blockquote"}) | {
    f"h{level}" for level in range(1, 7)
}
_NAME = re.compile(r"/?\s*([A-Za-z][A-Za-z0-9]*)")


def plain_text(markup: str) -> str:
    """The text between the tags, a line for each block."""
    first, *rest = _without_comments(markup).split("<")
    pieces = [first]
    hidden = ""
    for part in rest:
        tag, closed, text = part.partition(">")
        found = _NAME.match(tag)
        name = found[1].lower() if found else ""
        if hidden:
            if tag.startswith("/") and name == hidden:
                hidden = ""
                pieces.append(text)
        elif not closed or not (name or tag.startswith("!")):
            pieces.append(f"<{part}")
        elif name in HIDDEN and not tag.startswith("/"):
            hidden = name
        else:
            pieces.append("\n" + text if name in BREAKING else text)
    lines = [" ".join(line.split()) for line in html.unescape("".join(pieces)).splitlines()]
    return "\n".join(line for line in lines if line) + "\n"


def _without_comments(markup: str) -> str:
    first, *rest = markup.split("<!--")
    return first + "".join(part.partition("-->")[2] for part in rest)

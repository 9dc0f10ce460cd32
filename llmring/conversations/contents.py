"""What messages say, as text: for search, excerpts and pages. Pure."""

from __future__ import annotations

from typing import Any

#: Characters that an excerpt shows before and after what was found.
AROUND = 80

#: What a message says, as `llmring.Message` has it.
Content = str | list[dict[str, Any]] | dict[str, Any] | None


def parts_of(content: Content) -> list[dict[str, Any]]:
    """The content parts of a message; none where it is a text, or nothing."""
    if isinstance(content, dict):
        return [content]
    return content if isinstance(content, list) else []


def text_of(content: Content) -> str | None:
    """The text of a message, of its content parts too; None for none."""
    if content is None or isinstance(content, str):
        return content
    texts = [part["text"] for part in parts_of(content) if isinstance(part.get("text"), str)]
    return "\n".join(texts) if texts else None


def shown_text(content: Content) -> str:
    """What a message says, for people: its text, and of each part that is none, its kind."""
    if isinstance(content, str):
        return content
    shown = (part.get("text") or f"({part.get('type', 'a part')})" for part in parts_of(content))
    return "\n".join(map(str, shown))


def excerpt(text: str, found: str) -> str:
    """Some of a text, around the first place where `found` stands in any case, on one line."""
    at = text.casefold().find(found.casefold())
    # Folding may change lengths (ß is ss), so the place can be off by some characters.
    start = max(0, at - AROUND)
    end = max(at, 0) + len(found) + AROUND
    shown = " ".join(text[start:end].split())
    return ("…" if start else "") + shown + ("…" if end < len(text) else "")

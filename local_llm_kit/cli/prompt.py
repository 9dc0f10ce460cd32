"""What a command asks the model: texts, images, and the shape of the answer."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from LLM.exceptions import LLMConfigError
from local_llm_kit.cli.files import MAX_TEXT_BYTES, decoded, read_bytes, read_text
from local_llm_kit.images import media_type

#: More than a model here takes: a server elsewhere has bounds of its own.
_MAX_IMAGE_BYTES = 20 << 20


def piped_text() -> str:
    """What standard input was redirected from; empty on a terminal, or where there is none.

    :raises LLMConfigError: it is no text, or too long.
    """
    if sys.stdin is None:
        return ""
    stdin = sys.stdin.buffer
    if stdin.isatty():
        return ""
    data = stdin.read(MAX_TEXT_BYTES + 1)
    if len(data) > MAX_TEXT_BYTES:
        raise LLMConfigError(f"standard input is longer than {MAX_TEXT_BYTES:,} bytes")
    return decoded(data, "standard input")


def joined(*texts: str) -> str:
    """Texts one after another, an empty line between them; empty ones are left out."""
    return "\n\n".join(stripped for text in texts if (stripped := text.strip("\n")).strip())


def user_message(text: str, images: Sequence[str] = ()) -> dict[str, Any]:
    """A user's message.

    :param images: data URLs.
    """
    if not images:
        return {"role": "user", "content": text}
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in images]
    return {"role": "user", "content": [{"type": "text", "text": text}, *parts]}


def conversation(system: str | None, *messages: dict[str, Any]) -> list[dict[str, Any]]:
    """Messages with what the system says before them."""
    return [*([{"role": "system", "content": system}] if system else []), *messages]


def image_url(path: Path) -> str:
    """An image as a data URL.

    :raises LLMConfigError: it cannot be read, or is none that models take.
    """
    data = read_bytes(path, _MAX_IMAGE_BYTES)
    kind = media_type(data)
    if kind is None:
        raise LLMConfigError(f"{str(path)!r} is no image; models take PNG, JPEG, GIF and WebP")
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


class Schema(click.ParamType[dict[str, Any]]):
    """A JSON schema: its text, or the path of its file."""

    name = "FILE|JSON"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, Any]:
        """The schema of a text."""
        text, source = str(value), "it"
        try:
            if not text.lstrip().startswith("{"):
                source, text = repr(text), read_text(Path(text))
            schema = json.loads(text)
        except LLMConfigError as err:
            self.fail(str(err), param, ctx)
        except (ValueError, RecursionError) as err:
            self.fail(f"{source} is no JSON: {err}", param, ctx)
        if not isinstance(schema, dict):
            self.fail(f"{source} must be a JSON object, such as {{'type': 'object'}}", param, ctx)
        return schema


def schema_format(schema: dict[str, Any]) -> dict[str, Any]:
    """The `response_format` of a schema."""
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": True},
    }

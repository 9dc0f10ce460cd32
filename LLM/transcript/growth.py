"""One JSON value from all events of a stream, whoever's they are: the answer as it has grown.

A provider's events are known to its own codec. Here it is enough that texts come in pieces, under
names that all of them use, and that everything else is told anew: pieces are put together, of the
rest the last word counts. Items of lists belong together by their ``index``, or where they have
the same fields.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from LLM.exceptions import LLMResponseError
from LLM.sse import SSEDecoder

#: Fields whose texts are pieces: OpenAI's, Anthropic's, Gemini's, Ollama's.
_GROWING = frozenset((
    "arguments", "content", "delta", "partial_json", "reasoning", "reasoning_content", "refusal",
    "response", "text", "thinking",
))  # fmt: skip
_MAX_DEPTH = 32
# How many of a list's newest items are looked at. More do not grow at a time, and a server that
# numbers each item anew would have all of them compared with all.
_MAX_COMPARED = 100


def grown(body: bytes, headers: Mapping[str, str]) -> Any:
    """What the events in the bytes of a stream add up to; None where there are none.

    :param headers: of the answer; they say whether it is an event stream or lines of JSON.
    """
    answer: Any = None
    for data in _events(body, headers.get("content-type") or ""):
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            continue  # OpenAI's last event is no JSON
        answer = merged(answer, event)
    return answer


def _events(body: bytes, content_type: str) -> list[bytes]:
    if "json" in content_type:
        return body.split(b"\n")
    decoder = SSEDecoder()
    try:
        return [data for _, data in (*decoder.feed(body), *decoder.close())]
    except LLMResponseError:
        return []  # who reads the stream is told


def merged(before: Any, event: Any, name: str = "", depth: int = _MAX_DEPTH) -> Any:
    """What was known, and what an event adds.

    :param name: of the field that both stand in.
    """
    if isinstance(before, dict) and isinstance(event, dict) and depth:
        fields = {key: merged(before.get(key), item, key, depth - 1) for key, item in event.items()}
        return {**before, **fields}
    if isinstance(before, list) and isinstance(event, list) and depth:
        items = list(before)
        for item in event:
            _add(items, item, depth - 1)
        return items
    if name in _GROWING and isinstance(before, str):
        if isinstance(event, str):
            return before + event
        return before if event is None else event
    return event


def _add(items: list[Any], item: Any, depth: int) -> None:
    for position in range(len(items) - 1, max(-1, len(items) - 1 - _MAX_COMPARED), -1):
        if _is_same(items[position], item):
            items[position] = merged(items[position], item, depth=depth)
            return
    items.append(item)


def _is_same(one: Any, other: Any) -> bool:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    if "index" in one or "index" in other:
        return bool(one.get("index") == other.get("index"))
    return one.keys() == other.keys()

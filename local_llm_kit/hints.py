"""Arguments that are taken and have no effect on the answer, and are named to who sent them.

Bookkeeping of hosted platforms, and hints that a model may follow or not. What would make the
answer another one is never among them: that is honoured or refused. Over HTTP an answer has their
names in its header `x-ignored-parameters`.

Source: OpenAI's API reference, ``POST /v1/chat/completions``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from local_llm_kit.fields import Fields, invalid, kind_of

HintKind = Literal["text", "object", "flag"]

_TYPES: Mapping[HintKind, type] = {"text": str, "object": dict, "flag": bool}
_CALLED = {"text": "text", "object": "an object", "flag": "true or false"}
#: Longest text of a hint; the platforms' own bounds are far below.
MAX_HINT_CHARS = 4096

#: Bookkeeping, in every call.
BOOKKEEPING: Mapping[str, HintKind] = {
    "user": "text",
    "metadata": "object",
    "store": "flag",
    "service_tier": "text",
    "safety_identifier": "text",
    "prompt_cache_key": "text",
    "prompt_cache_options": "object",
    "prompt_cache_retention": "text",
}
#: And in chats. Audio settings say how audio would be made; who wants some says so in `modalities`.
CHAT_HINTS: Mapping[str, HintKind] = {
    **BOOKKEEPING,
    "audio": "object",
    "moderation": "object",
    "prediction": "object",
    "reasoning_effort": "text",
    "verbosity": "text",
    "web_search_options": "object",
}


def ignore_hints(fields: Fields, hints: Mapping[str, HintKind]) -> None:
    """Take hints and note them as ignored.

    :param hints: their names, and what each must be.
    :raises InvalidRequestError: one is something else; names it.
    """
    for name, kind in hints.items():
        value = fields.take(name)
        if value is None:
            continue
        if not isinstance(value, _TYPES[kind]):
            raise invalid(name, f"{name} must be {_CALLED[kind]}, not {kind_of(value)}")
        if isinstance(value, str) and len(value) > MAX_HINT_CHARS:
            raise invalid(name, f"{name} must have at most {MAX_HINT_CHARS:,} characters")
        fields.ignored.append(name)

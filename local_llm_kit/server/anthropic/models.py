"""Models as Anthropic's clients read them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request

from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.protocol import ModelInfo
from local_llm_kit.server.timestamps import utc_text


def is_asked_by_anthropic(request: Request) -> bool:
    """Whether a client of Anthropic's API asks: it always names the version."""
    return "anthropic-version" in request.headers


def model_card(name: str, created: int, info: ModelInfo | None) -> JSONObject:
    """A model.

    :param created: Unix time in seconds.
    :param info: facts about it; None where it is not loaded.

    Source: https://platform.claude.com/docs/en/api/models
    """
    window = None if info is None else info.context_length
    return {
        "type": "model",
        "id": name,
        "display_name": name,
        "created_at": utc_text(created),
        "lifecycle": "active",
        "max_input_tokens": window,
        "max_tokens": window,
    }


def model_page(cards: Sequence[JSONObject]) -> JSONObject:
    """All models, as the one page that there is."""
    ids = [card["id"] for card in cards] or [None]
    return {"data": list(cards), "has_more": False, "first_id": ids[0], "last_id": ids[-1]}

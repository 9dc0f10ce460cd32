"""Keywords of OpenAI's API that other providers have no field for. Pure.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

from typing import Any

from LLM.exceptions import InvalidRequestError

#: They change nothing about an answer: who asks, and what OpenAI keeps of a call and for how long.
#: Usage, which `stream_options` asks for, comes with every stream here.
BOOKKEEPING = frozenset(
    {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "safety_identifier"}
    | {"store", "stream_options", "user"}
)
#: How many answers are asked for: OpenAI's name, and Google's.
_N_ANSWERS = ("n", "candidate_count", "candidateCount")


def check_keywords(extra: dict[str, Any], max_tokens: int | None, *, stream: bool) -> None:
    """Refuse keywords that contradict each other, or ask for what would be lost.

    :param extra: keywords beside the arguments of `chat`.
    :raises InvalidRequestError: the message names them.
    """
    newer = extra.get("max_completion_tokens")
    if None not in (max_tokens, newer) and max_tokens != newer:
        raise InvalidRequestError(
            f"max_tokens is {max_tokens} and max_completion_tokens is {newer!r}; give one of them"
        )
    for name in _N_ANSWERS if stream else ():
        if extra.get(name) not in (None, 1):
            raise InvalidRequestError(
                f"{name} is {extra[name]!r}, and a stream tells one answer; call chat, which has "
                "all of them in .raw, or call several times"
            )


def take_single_n(extra: dict[str, Any], provider: str) -> None:
    """Take `n` out of the keywords, for a provider that gives one answer.

    :raises InvalidRequestError: more are asked for.
    """
    if extra.pop("n", 1) != 1:
        raise InvalidRequestError(
            f"n is not 1, and {provider} gives one answer; call it several times"
        )

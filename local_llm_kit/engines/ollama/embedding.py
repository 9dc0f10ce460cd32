"""Embeddings through Ollama: arguments in, body out; Ollama's answer in, OpenAI's out. Pure."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

from LLM.exceptions import LLMError
from local_llm_kit.backends import JSONObject
from local_llm_kit.embeddings import EmbeddingArguments
from local_llm_kit.engines.ollama.bodies import unsupported
from local_llm_kit.engines.ollama.facts import LARGEST_NUMBER, Facts


def embedding_body(arguments: EmbeddingArguments, facts: Facts) -> JSONObject:
    """The body of ``/api/embed``.

    :raises InvalidRequestError: an input is token ids, or the model makes no embeddings.
    """
    if not facts.can("embedding"):
        raise unsupported("input", f"{facts.name!r} makes no embeddings; take an embedding model")
    if not all(isinstance(one, str) for one in arguments.inputs):
        raise unsupported("input", "Ollama takes texts, not token ids")
    body: JSONObject = {"model": facts.name, "input": list(arguments.inputs), "truncate": False}
    body["options"] = {"num_ctx": facts.context_length}
    if arguments.dimensions is not None:
        body["dimensions"] = arguments.dimensions
    return body


def embedding_answer(
    arguments: EmbeddingArguments,
    facts: Facts,
    told: JSONObject,
    unreadable: Callable[[str], LLMError],
) -> JSONObject:
    """OpenAI's shape.

    :param told: the answer of ``/api/embed``.
    :param unreadable: makes the error for an answer that is not Ollama's.
    :raises LLMResponseError: the answer is not what was asked for.
    """
    vectors = told.get("embeddings")
    n_tokens = told.get("prompt_eval_count", 0)
    if not isinstance(vectors, list) or len(vectors) != len(arguments.inputs):
        raise unreadable(f"has not the {len(arguments.inputs)} embeddings that were asked for")
    if not all(map(_is_vector, vectors)) or not isinstance(n_tokens, int):
        raise unreadable("has embeddings that are no lists of numbers")
    if arguments.dimensions is not None and len(vectors[0]) != arguments.dimensions:
        raise unsupported(
            "dimensions", f"embeddings of {facts.name!r} have {len(vectors[0])} numbers"
        )
    encode = _base64 if arguments.encoding_format == "base64" else list
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": i, "embedding": encode(vector)}
            for i, vector in enumerate(vectors)
        ],
        "model": facts.name,
        "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
    }


def _is_vector(value: Any) -> bool:
    return (
        bool(value)
        and isinstance(value, list)
        and all(type(x) in (int, float) and abs(x) <= LARGEST_NUMBER for x in value)
    )


def _base64(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")

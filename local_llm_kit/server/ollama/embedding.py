"""``/api/embed``, and the older ``/api/embeddings``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local_llm_kit.backends import JSONObject
from local_llm_kit.embeddings import EmbeddingArguments, parse_embeddings
from local_llm_kit.fields import Fields, invalid, kind_of
from local_llm_kit.server.departures import unless_gone
from local_llm_kit.server.endpoints import json_response, read_beside
from local_llm_kit.server.headers import ignored_header
from local_llm_kit.server.ollama.durations import nanoseconds
from local_llm_kit.server.ollama.options import read_options
from local_llm_kit.server.ollama.request import read_model, takes_unload
from local_llm_kit.server.service import Service


class Embedding:
    """The handlers of both routes."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def embed(self, request: Request) -> Response:
        """Embeddings of one text or several."""
        began_at = time.perf_counter()
        model, arguments, ignored = await read_beside(self._service, request, read_embed)
        work = self._embedded(model, arguments)
        answer, loaded_at = await unless_gone(request.receive, work)
        told = {
            "model": answer["model"],
            "embeddings": [one["embedding"] for one in answer["data"]],
            "total_duration": nanoseconds(time.perf_counter() - began_at),
            "load_duration": nanoseconds(loaded_at - began_at),
            "prompt_eval_count": answer["usage"]["prompt_tokens"],
        }
        return json_response(told, ignored_header(ignored))

    async def _embedded(
        self, model: str, arguments: EmbeddingArguments | None
    ) -> tuple[JSONObject, float]:
        """The answer in OpenAI's shape, and when the model was there."""
        lease = await self._service.lease(model)
        try:
            loaded_at = time.perf_counter()
            if arguments is None:
                return _nothing(lease.model.info.name), loaded_at
            return await self._service.embeddings(arguments), loaded_at
        finally:
            lease.release()

    async def embeddings(self, request: Request) -> Response:
        """The embedding of one text."""
        model, arguments, ignored = await read_beside(self._service, request, read_embeddings)
        answer, _ = await unless_gone(request.receive, self._embedded(model, arguments))
        vector = answer["data"][0]["embedding"] if answer["data"] else []
        return json_response({"embedding": vector}, ignored_header(ignored))


def read_embed(body: Mapping[str, Any]) -> tuple[str, EmbeddingArguments | None, list[str]]:
    """A request of ``/api/embed``: the model, what to embed, and fields without effect.

    Without an input there is nothing to embed, and the model is loaded.

    :raises InvalidRequestError: a field is wrong; names it.
    """
    left = Fields(body)
    value = left.take("input")
    texts = [value] if isinstance(value, str) else value
    if value is not None and not (isinstance(texts, list) and all(map(_is_text, texts))):
        raise invalid("input", f"input must be a text or a list of texts, not {kind_of(value)}")
    dimensions = left.take("dimensions")
    ignored: list[str] = []
    if left.flag("truncate"):
        ignored.append("truncate")  # an input that is too long is refused, not cut
    model = _read_rest(left, ignored)
    if texts in (None, [], [""]):
        return model, None, ignored
    fields = {"model": model, "input": texts, "dimensions": dimensions}
    return model, parse_embeddings(fields), ignored


def read_embeddings(body: Mapping[str, Any]) -> tuple[str, EmbeddingArguments | None, list[str]]:
    """A request of ``/api/embeddings``, as `read_embed` reads the other one's."""
    left = Fields(body)
    prompt = left.text("prompt")
    ignored: list[str] = []
    model = _read_rest(left, ignored)
    arguments = parse_embeddings({"model": model, "input": prompt}) if prompt else None
    return model, arguments, ignored


def _nothing(model: str) -> JSONObject:
    """The embeddings of no input."""
    return {"model": model, "data": [], "usage": {"prompt_tokens": 0}}


def _read_rest(left: Fields, ignored: list[str]) -> str:
    model = read_model(left)
    ignored += [f"options.{name}" for name in _named(left.take("options"))]
    if takes_unload(left, ignored):
        ignored.append("keep_alive")  # only chats and texts unload
    left.done({})
    return model


def _named(options: Any) -> list[str]:
    """Names of options that were given; none of them says anything about an embedding."""
    read_options(options, [])
    return [name for name, value in (options or {}).items() if value is not None]


def _is_text(value: object) -> bool:
    return isinstance(value, str)

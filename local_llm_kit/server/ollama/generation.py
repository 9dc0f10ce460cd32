"""Running what ``/api/chat`` and ``/api/generate`` ask for; loading and unloading models."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from LLM.exceptions import InvalidRequestError, LLMError
from local_llm_kit.backends import Backend, Job, JSONObject
from local_llm_kit.engines.protocol import Event
from local_llm_kit.server.endpoints import Generation, json_response
from local_llm_kit.server.headers import ignored_header
from local_llm_kit.server.ollama.pieces import Piece
from local_llm_kit.server.ollama.request import OllamaRequest
from local_llm_kit.server.ollama.shape import OllamaShape, VisitShape
from local_llm_kit.server.service import Ask, Service

#: Seconds that a model to be unloaded may still be in use: what has just ended lets it go soon.
_UNLOAD_WAIT_S = 3.0
_TICK_S = 0.02


class OllamaGeneration(Generation):
    """The handler of a route that generates text, or loads and unloads models.

    :param read: reads a request's body.
    :param tell: what a piece of an answer is in the route's objects.
    """

    def __init__(
        self,
        service: Service,
        read: Callable[[Mapping[str, Any]], OllamaRequest],
        tell: Callable[[Piece], JSONObject],
    ) -> None:
        super().__init__(service, lambda body: _ask(service, read(body), tell))

    async def answer(self, request: Request, ask: Ask, is_slow: bool) -> ASGIApp:
        """The answer; raises as `Generation.answer` does.

        :raises InvalidRequestError: the model to be unloaded does not exist, or is in use.
        """
        shape = ask.shape
        assert isinstance(shape, OllamaShape)
        if not shape.unloads:
            return await super().answer(request, ask, is_slow)
        if isinstance(shape, VisitShape):
            await _unload(self._service, ask.model or "")
            return json_response(shape.whole({"model": ask.model}))
        return _Unloading(await super().answer(request, ask, is_slow), self._service, ask.model)


class _Unloading:
    """An answer after which its model is unloaded, unless others use it."""

    def __init__(self, answer: ASGIApp, service: Service, model: str | None) -> None:
        self._answer = answer
        self._service = service
        self._model = model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope, receive, send)
        # The answer is out, so nobody is told. A model stays that others use or whose name was
        # none, and where the server has no thread for it.
        with suppress(LLMError):
            await _unload(self._service, self._model or "")


async def _unload(service: Service, name: str) -> None:
    """Close a model once nobody uses it; one that is not loaded is left so.

    :raises ModelNotFoundError: there is no such model.
    :raises InvalidRequestError: it stays in use.
    """
    found = await service.beside(lambda: service.models.require(name))
    end = asyncio.get_running_loop().time() + _UNLOAD_WAIT_S
    while any(one.name == found for one in service.catalog.loaded()):
        if await service.beside(lambda: service.catalog.unload(found)):
            return
        if asyncio.get_running_loop().time() > end:
            raise InvalidRequestError(
                f"{name!r} is in use; ask again when its calls have ended",
                status_code=409,
                code="model_in_use",
            )
        await asyncio.sleep(_TICK_S)


def _ask(service: Service, asked: OllamaRequest, tell: Callable[[Piece], JSONObject]) -> Ask:
    """What is asked of the service."""
    if asked.kind == "none":
        visit = VisitShape(tell, unloads=asked.unloads)
        return Ask(asked.model, _no_job, visit, False, ignored_header(asked.ignored))
    n_top = asked.fields.get("logprobs") if asked.kind == "text" else None
    shape = OllamaShape(tell, keeps=not asked.stream, n_top=n_top or 0, unloads=asked.unloads)
    if asked.kind == "chat":
        ask = service.chat(asked.fields, shape, asked.ignored, think=asked.think)
    else:
        ask = service.completion(asked.fields, shape, asked.ignored)

    def prepare(model: Backend) -> Job:
        shape.loaded()
        job = ask.prepare(model)
        shape.watch(job.answer)
        return job

    return replace(ask, prepare=prepare, stream=asked.stream)


def _no_job(model: Backend) -> Job:
    """A job that has ended: the model is there, and that was all."""
    return Job(_NoAnswer(model.info.name), lambda _: [])


class _NoAnswer:
    """The answer to nothing; a `Growing`."""

    done = True

    def __init__(self, model: str) -> None:
        self._model = model

    def start(self) -> list[JSONObject]:
        """Nothing."""
        return []

    def feed(self, events: Sequence[Event]) -> list[JSONObject]:
        """Nothing: no events come."""
        del events
        return []

    def response(self) -> JSONObject:
        """Who is there."""
        return {"model": self._model}

    def usage(self) -> JSONObject:
        """No tokens."""
        return {"prompt_tokens": 0, "completion_tokens": 0}

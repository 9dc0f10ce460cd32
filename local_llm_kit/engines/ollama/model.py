"""The back end that is an Ollama server."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from LLM.exceptions import InvalidRequestError, LLMConfigError, ModelNotFoundError
from local_llm_kit.answers import Answer, ChatAnswer, CompletionAnswer, Echo
from local_llm_kit.arguments import ChatArguments, CompletionArguments, Defaults
from local_llm_kit.backends import Job, JSONObject
from local_llm_kit.embeddings import EmbeddingArguments
from local_llm_kit.engines.ollama.administration import connect, pull
from local_llm_kit.engines.ollama.bodies import chat_bodies, completion_bodies, unsupported
from local_llm_kit.engines.ollama.deciding import DecisionTag, ServersDecision, decision_body
from local_llm_kit.engines.ollama.embedding import embedding_answer, embedding_body
from local_llm_kit.engines.ollama.events import Reader
from local_llm_kit.engines.ollama.facts import Facts, facts_of, model_names
from local_llm_kit.engines.ollama.options import OllamaOptions
from local_llm_kit.engines.ollama.worker import Request, Worker
from local_llm_kit.engines.protocol import EngineStats, Event, ModelInfo
from local_llm_kit.stopping import Stop

if TYPE_CHECKING:
    from local_llm_kit.decisions import DecisionArguments
    from local_llm_kit.memory_plan import MemoryPlan


class OllamaModel:
    """A model of an Ollama server; see `Backend`.

    :param name: as ``ollama list`` shows it; ``:latest`` may be left out.
    :param options: how to reach the server.
    :param defaults: used for arguments that a call leaves out.
    :raises ModelNotFoundError: the server does not have the model.
    :raises LLMConnectionError: no server answers.
    :raises LLMConfigError: an option cannot work, or the package ``ollama`` is missing.
    """

    def __init__(
        self, name: str, options: OllamaOptions | None = None, defaults: Defaults | None = None
    ) -> None:
        self.defaults = defaults or Defaults()
        self.memory_plan: MemoryPlan | None = None  # the memory is the server's
        self._options = options or OllamaOptions()
        self._wire = connect(self._options)
        self._worker = Worker(self._options.n_slots, self._options.max_queue)
        try:
            self._facts = self._worker.call(self._find(name))
        except BaseException:
            self.close()
            raise

    async def _find(self, name: str) -> Facts:
        if not name:
            raise LLMConfigError("model is ''; name a model of the Ollama server")
        try:
            shown = await self._wire.post("/api/show", {"model": name})
        except ModelNotFoundError:
            if not self._options.pull:
                present = model_names(await self._wire.get("/api/tags"))
                raise self._wire.failures.no_such_model(name, present) from None
            await pull(self._wire, name, self._options)
            shown = await self._wire.post("/api/show", {"model": name})
        return facts_of(name, self._wire.failures.origin, shown, self._options.context_length)

    @property
    def info(self) -> ModelInfo:
        """Facts about the model; 0 and "" where Ollama does not tell them."""
        return self._facts.info

    @property
    def stats(self) -> EngineStats:
        """A snapshot of this client's calls; those of others at the server are not in it."""
        return self._worker.stats

    def chat(self, arguments: ChatArguments, stop: Stop | None = None) -> Job:
        """Prepare a chat completion.

        :param stop: not needed: nothing is computed here before it starts.
        :raises InvalidRequestError: Ollama cannot honour an argument; names it.
        """
        bodies = chat_bodies(arguments, self._facts)
        answer = ChatAnswer(
            self._facts.name,
            arguments.n,
            scores=arguments.sampling.n_logprobs is not None,
            stream=arguments.stream,
            include_usage=arguments.include_usage,
        )
        return self._job(answer, "/api/chat", bodies)

    def completion(self, arguments: CompletionArguments) -> Job:
        """Prepare a text completion; the prompt is given to the model as it is.

        :raises InvalidRequestError: Ollama cannot honour an argument; names it.
        """
        bodies = completion_bodies(arguments, self._facts)
        answer = CompletionAnswer(
            self._facts.name,
            arguments.n,
            len(arguments.prompts),
            echoes=[Echo(body["prompt"]) for body in bodies[:: arguments.n] if arguments.echo],
            scores=arguments.sampling.n_logprobs is not None,
            stream=arguments.stream,
            include_usage=arguments.include_usage,
        )
        return self._job(answer, "/api/generate", bodies)

    def _job(self, answer: Answer, path: str, bodies: list[JSONObject]) -> Job:
        requests = [
            Request(choice, partial(self._events, choice, path, self._kept_alive(body)))
            for choice, body in zip(answer.choices, bodies, strict=True)
        ]
        return Job(answer, partial(self._worker.submit, requests))

    def _kept_alive(self, body: JSONObject) -> JSONObject:
        keep_alive = self._options.keep_alive
        return body if keep_alive is None else body | {"keep_alive": keep_alive}

    async def _events(
        self, tag: Any, path: str, body: JSONObject
    ) -> AsyncGenerator[list[Event], None]:
        failures = self._wire.failures
        reader = Reader(tag, self._facts, body, failures.unreadable)
        async with aclosing(self._wire.stream(path, body)) as objects:
            async for one in objects:
                events = reader.read(one)
                if events:
                    yield events
        if not reader.ended:
            raise failures.unreadable("breaks off before it is done")

    def decision(self, arguments: DecisionArguments) -> Job:
        """Prepare questions, which the server answers by its own ``/v1/systemone``.

        :raises InvalidRequestError: the input is more than texts.
        """
        body = self._kept_alive(decision_body(arguments, self._facts))
        answer = ServersDecision(
            self._facts.name, arguments.questions, self._wire.failures.unreadable
        )

        async def events() -> AsyncGenerator[list[Event], None]:
            try:
                yield answer.read(await self._wire.post("/v1/systemone", body))
            except InvalidRequestError as err:
                if err.status_code != 404 or isinstance(err, ModelNotFoundError):
                    raise
                raise unsupported("questions", "this server is too old; update Ollama") from err

        return Job(answer, partial(self._worker.submit, [Request(DecisionTag(answer), events)]))

    def embeddings(self, arguments: EmbeddingArguments) -> JSONObject:
        """Embeddings of texts, in OpenAI's shape; blocks while they are computed.

        :raises InvalidRequestError: an input is no text or too long, or the model makes none.
        """
        body = self._kept_alive(embedding_body(arguments, self._facts))
        told = self._worker.call(self._wire.post("/api/embed", body))
        return embedding_answer(arguments, self._facts, told, self._wire.failures.unreadable)

    def models(self) -> list[str]:
        """Names of the server's models, this one first."""
        names = model_names(self._worker.call(self._wire.get("/api/tags")))
        return [self._facts.name, *(name for name in names if name != self._facts.name)]

    def tokenize(
        self, text: str, *, add_special: bool = False, parse_special: bool = False
    ) -> list[int]:
        """Not possible; see `count_tokens`."""
        del text, add_special, parse_special
        self._no_tokenizer("tokenize")

    def token_bytes(self, tokens: Sequence[int]) -> list[bytes]:
        """Not possible; see `count_tokens`."""
        del tokens
        self._no_tokenizer("token_bytes")

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Not possible; see `count_tokens`."""
        del tokens
        self._no_tokenizer("detokenize")

    def count_tokens(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] | None = None,
    ) -> int:
        """Not possible: Ollama's API has no tokenizer.

        :raises InvalidRequestError: always; says what to do instead.
        """
        del messages, tools
        self._no_tokenizer("count_tokens")

    def _no_tokenizer(self, what: str) -> NoReturn:
        raise unsupported(
            what,
            "its API has no tokenizer; the usage of an answer tells the prompt's tokens, and "
            f"'ollama:{self._facts.name}' with backend='llama.cpp' runs the same model in process",
        )

    def save_state(self, arguments: ChatArguments, path: str | os.PathLike[str]) -> int:
        """Not possible: the cache is the server's.

        :raises InvalidRequestError: always.
        """
        del arguments, path
        raise unsupported("save_state", "the cache is the server's; use a local engine")

    def load_state(self, path: str | os.PathLike[str]) -> int:
        """Not possible; see `save_state`."""
        del path
        raise unsupported("load_state", "the cache is the server's; use a local engine")

    def close(self) -> None:
        """End what runs with `Failed`, and close the connections; repeatable."""
        self._worker.close(self._wire.close)

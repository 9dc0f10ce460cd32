"""Calls of a client, prepared: once for the blocking client and the asynchronous one.

What a caller gave becomes a `Call`: the arguments checked, the model found and held, the job ready
to run, and what becomes of its answer. How one waits for the answer is all in which the clients
differ.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from LLM import telemetry
from LLM.debug import heed_debug_setting
from LLM.exceptions import LLMConfigError
from LLM.structured import is_model_class, parse_choices, response_format_of
from LLM.telemetry import names
from LLM.telemetry.asked import Asked
from LLM.types import ChatCompletionResponse, Model, ModelsResponse
from LLM.types import CompletionResponse as TextCompletionResponse
from LLM.wire import WireRequest, in_process
from local_llm_kit.arguments import parse_chat, parse_completion
from local_llm_kit.checked import CheckedCall, local_request, looked_up
from local_llm_kit.deadlines import Deadlines, checked_timeout_s
from local_llm_kit.decisions import parse_decision
from local_llm_kit.embeddings import joined_responses, parse_embeddings
from local_llm_kit.exceptions import StoreError
from local_llm_kit.fields import check_text, checked_text, invalid, token_ids
from local_llm_kit.local_files import not_found
from local_llm_kit.memory_switch import MemorySwitch
from local_llm_kit.messages import normalise_messages, normalise_tools
from local_llm_kit.told import asked_of, embeddings_told
from local_llm_kit.types import CompletionResponse, DecisionResponse, EmbeddingsResponse

if TYPE_CHECKING:
    from pydantic import BaseModel

    from local_llm_kit.arguments import ChatArguments, CompletionArguments
    from local_llm_kit.backends import Backend, Job, JSONObject
    from local_llm_kit.catalog import Catalog
    from local_llm_kit.embeddings import EmbeddingArguments
    from local_llm_kit.engines.protocol import ModelInfo
    from local_llm_kit.memory import Turn
    from local_llm_kit.pool import Lease
    from local_llm_kit.stopping import Stop

ResponseT = TypeVar("ResponseT")


@dataclass(frozen=True, slots=True)
class Call(Generic[ResponseT]):
    """A call that is ready to run.

    :param lease: keeps the model until the call has ended.
    :param job: starts it.
    :param deadlines: how long it may take.
    :param read: makes the whole answer's dict the caller's object.
    :param finish: what is left to do with a complete answer: raises where it is not what was asked
        for. May write to disk.
    :param asked: what telemetry tells of the call; None where it tells nothing.
    """

    lease: Lease[Backend]
    job: Job
    deadlines: Deadlines
    read: Callable[[JSONObject], ResponseT]
    finish: Callable[[Any], None] | None = None
    asked: Asked | None = None

    @property
    def model_name(self) -> str:
        """Name of the model that answers."""
        return self.lease.model.info.name


class Calls:
    """Prepares the calls of a client.

    :param catalog: where the models are.
    :param timeout_s: for calls that give none; None waits for ever.
    :raises InvalidRequestError: the timeout is no number of seconds.
    """

    def __init__(self, catalog: Catalog, timeout_s: float | None = None) -> None:
        self.catalog = catalog
        #: The conversation's memory, off until it is enabled.
        self.memory = MemorySwitch(catalog)
        self.timeout_s = checked_timeout_s(timeout_s)
        heed_debug_setting()

    def chat(self, messages: Any, arguments: Mapping[str, Any]) -> CheckedCall[CompletionResponse]:
        """A chat completion.

        With memory on, the prompt begins with what is remembered, and unless `overflow` says
        otherwise, the oldest turns are left out where the answer needs the room.

        :param messages: as `ChatCompletions.create` takes them.
        :param arguments: its other arguments; those that are None were not given.
        :raises InvalidRequestError: an argument is wrong, or cannot be honoured.
        :raises LLMContextLengthError: the prompt does not fit the window.
        """
        began_ns = time.time_ns()
        fields = {**arguments, "messages": messages}
        deadlines = self._taken_deadlines(fields)
        finish = _taken_class(fields)
        turn = self.memory.begin(messages)
        if turn is not None:
            fields["messages"] = turn.prompt
            finish = partial(_remember, turn, finish)
        parsed = parse_chat(fields, self.catalog.defaults)
        gives_way = turn is not None and fields.get("overflow") is None
        read = CompletionResponse.model_validate

        def prepare(stop: Stop) -> Call[CompletionResponse]:
            lease, job = self._prepared(
                parsed.model,
                lambda model: model.chat(_giving_way(parsed, model) if gives_way else parsed, stop),
            )
            asked = self._asked(names.CHAT, lease, fields, began_ns)
            return Call(lease, job, deadlines, read, finish, asked)

        told = {**fields, **_sampling(parsed), "messages": parsed.messages}
        request = partial(self._request, "chat/completions", told, deadlines)
        return CheckedCall(prepare, request, read, finish)

    def completion(
        self, prompt: Any, arguments: Mapping[str, Any]
    ) -> CheckedCall[TextCompletionResponse]:
        """A text completion; raises as `chat` does."""
        began_ns = time.time_ns()
        fields = {**arguments, "prompt": prompt}
        deadlines = self._taken_deadlines(fields)
        parsed = parse_completion(fields, self.catalog.defaults)
        read = TextCompletionResponse.model_validate

        def prepare(_: Stop) -> Call[TextCompletionResponse]:
            lease, job = self._prepared(parsed.model, lambda model: model.completion(parsed))
            asked = self._asked(names.TEXT_COMPLETION, lease, fields, began_ns)
            return Call(lease, job, deadlines, read, asked=asked)

        told = {**fields, **_sampling(parsed)}
        return CheckedCall(prepare, partial(self._request, "completions", told, deadlines), read)

    def decision(self, arguments: Mapping[str, Any]) -> CheckedCall[DecisionResponse]:
        """A decision; raises as `chat` does."""
        fields = dict(arguments)
        deadlines = self._taken_deadlines(fields)
        parsed = parse_decision(fields)
        read = DecisionResponse.model_validate

        def prepare(_: Stop) -> Call[DecisionResponse]:
            lease, job = self._prepared(parsed.model, lambda model: model.decision(parsed))
            return Call(lease, job, deadlines, read)

        return CheckedCall(prepare, partial(self._request, "decisions", fields, deadlines), read)

    def embeddings(self, arguments: Mapping[str, Any]) -> EmbeddingsResponse:
        """Embeddings; blocks while they are computed.

        Some inputs at a time: in between others have their turn, and a client can be closed.

        :raises InvalidRequestError: an argument is wrong, or cannot be honoured.
        :raises LLMTimeoutError: the time was up; it is looked at between the parts.
        """
        began_ns = time.time_ns()
        fields = dict(arguments)
        deadlines = self._taken_deadlines(fields)
        parsed = parse_embeddings(fields)

        def compute() -> JSONObject:
            with self.catalog.lease(parsed.model) as model:
                if (recorder := telemetry.current) is None:
                    return _embedded(model, parsed, deadlines)
                with recorder.call(
                    asked_of(names.EMBEDDINGS, model.info, fields, began_ns)
                ) as span:
                    answer = _embedded(model, parsed, deadlines)
                    span.answered(embeddings_told(answer, parsed.dimensions or model.info.n_embd))
                return answer

        return EmbeddingsResponse.model_validate(self._looked_up("embeddings", fields, compute))

    def models(self) -> ModelsResponse:
        """The models that calls can name."""
        return ModelsResponse(
            data=[Model(id=name, owned_by="local") for name in self.catalog.names()]
        )

    def model(self, name: Any) -> Model:
        """One of those models.

        :raises InvalidRequestError: the name is no text, or empty.
        :raises ModelNotFoundError: there is no such model.
        """
        if not isinstance(name, str) or not name:
            raise invalid("model", "model must be the name of a model")
        known = self.catalog.names()
        if name not in known:
            raise not_found(name, f"there is no model {name[:200]!r} on this machine", known)
        return Model(id=name, owned_by="local")

    def load(self, name: str | None = None) -> ModelInfo:
        """Load a model: the client's own, or another.

        :raises LLMConfigError: a cassette answers in its place.
        """
        if in_process.answers_alone:
            raise LLMConfigError(
                f"the model {self.catalog.label(name)!r} is not loaded: a cassette answers in its "
                "place; load it outside of the cassette's block, or let the cassette record"
            )
        with self.catalog.lease(name) as model:
            return model.info

    def load_ahead(self, name: str | None = None) -> None:
        """Load a model before its first call, unless that may be answered by a cassette."""
        if not in_process.may_answer:
            self.load(name)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a text.

        :raises InvalidRequestError: it is no text.
        """
        text = checked_text("text", text)
        tokens: list[int] = self._looked_up(
            "tokenize", {"text": text}, lambda: self._with_model(lambda one: one.tokenize(text))
        )
        return tokens

    def detokenize(self, tokens: Sequence[int]) -> str:
        """Text of tokens.

        :raises InvalidRequestError: they are no token ids, or none of the model's.
        """
        tokens = token_ids("tokens", tokens)
        text: str = self._looked_up(
            "detokenize",
            {"tokens": tokens},
            lambda: self._with_model(lambda one: one.detokenize(tokens)),
        )
        return text

    def count_tokens(
        self,
        text: str | Sequence[Any],
        tools: Sequence[Mapping[str, Any]] | None,
        name: str | None = None,
    ) -> int:
        """Tokens of a text, or of the prompt that messages make."""
        fields = {"model": name, "text": text}
        if isinstance(text, str):
            check_text("text", text)

            def count(model: Backend) -> int:
                return len(model.tokenize(text))
        else:
            messages, checked = normalise_messages(text), normalise_tools(tools)
            fields = {"model": name, "messages": messages, "tools": checked}

            def count(model: Backend) -> int:
                return model.count_tokens(messages, checked)

        n_tokens: int = self._looked_up(
            "count_tokens", fields, lambda: self._with_model(count, name)
        )
        return n_tokens

    def context_length(self) -> int:
        """Tokens that the window of the client's own model holds."""
        n_tokens: int = self._looked_up(
            "context_length", {}, lambda: self._with_model(lambda one: one.info.context_length)
        )
        return n_tokens

    def save_state(
        self,
        messages: Any,
        path: str | os.PathLike[str],
        tools: Sequence[Mapping[str, Any]] | None,
    ) -> int:
        """Write what is cached of a conversation to a file; tokens saved."""
        parsed = parse_chat({"messages": messages, "tools": tools}, self.catalog.defaults)
        return self._with_model(lambda model: model.save_state(parsed, path))

    def load_state(self, path: str | os.PathLike[str]) -> int:
        """Put a saved conversation back into the cache; tokens restored."""
        return self._with_model(lambda model: model.load_state(path))

    def _with_model(
        self, use: Callable[[Backend], ResponseT], name: str | None = None
    ) -> ResponseT:
        """What `use` makes of a model, the client's own or another, loaded while it does."""
        with self.catalog.lease(name) as model:
            return use(model)

    def _request(
        self, path: str, fields: Mapping[str, Any], deadlines: Deadlines | None = None
    ) -> WireRequest:
        """A call as what stands between clients and models sees it."""
        named = {**fields, "model": self.catalog.label(fields.get("model"))}
        return local_request(path, named, deadlines.timeout_s if deadlines else None)

    def _looked_up(self, path: str, fields: Mapping[str, Any], compute: Callable[[], Any]) -> Any:
        """What a model says to a question whose answer is never streamed: a JSON value."""
        if not in_process.now():
            return compute()
        return looked_up(self._request(path, fields), compute)

    def _prepared(
        self, name: str | None, prepare: Callable[[Backend], Job]
    ) -> tuple[Lease[Backend], Job]:
        lease = self.catalog.lease(name)
        try:
            return lease, prepare(lease.model)
        except BaseException:
            lease.release()
            raise

    def _asked(
        self, operation: str, lease: Lease[Backend], fields: Mapping[str, Any], began_ns: int
    ) -> Asked | None:
        """What telemetry tells of a call; None where nothing is recorded."""
        if telemetry.current is None:
            return None
        return asked_of(operation, lease.model.info, fields, began_ns, self.catalog.defaults)

    def _taken_deadlines(self, fields: dict[str, Any]) -> Deadlines:
        """The deadlines of a call that begins now: loading and preparing take of its time too."""
        timeout_s = checked_timeout_s(fields.pop("timeout", None))
        if timeout_s is None:
            timeout_s = self.timeout_s
        return Deadlines(timeout_s, stream=fields.get("stream") is True)


def _sampling(parsed: ChatArguments | CompletionArguments) -> dict[str, Any]:
    """How a call samples, which it may leave to the client."""
    return {"temperature": parsed.sampling.temperature, "top_p": parsed.sampling.top_p}


def _embedded(model: Backend, parsed: EmbeddingArguments, deadlines: Deadlines) -> JSONObject:
    """Embeddings in OpenAI's shape.

    :raises LLMTimeoutError: the time was up.
    """
    parts = []
    for part in parsed.parts():
        parts.append(model.embeddings(part))
        if deadlines.left_s() == 0:
            raise deadlines.error(model.info.name)
    return joined_responses(parts)


def _taken_class(fields: dict[str, Any]) -> Callable[[ChatCompletionResponse], None] | None:
    """Put a pydantic class's schema in its place; what fills in `parsed` at the end."""
    wanted = fields.get("response_format")
    if not is_model_class(wanted):
        return None
    fields["response_format"] = response_format_of(wanted)
    model: type[BaseModel] = wanted
    return lambda response: parse_choices(response.choices, model)


def _giving_way(parsed: ChatArguments, model: Backend) -> ChatArguments:
    """A call whose prompt begins with memory: the oldest of it makes room for the answer."""
    # Ollama's API counts no tokens, and so cannot cut.
    counts = model.info.backend != "ollama"
    return replace(parsed, overflow="drop_oldest") if counts else parsed


def _remember(
    turn: Turn,
    check: Callable[[ChatCompletionResponse], None] | None,
    response: ChatCompletionResponse,
) -> None:
    """Put a turn with its complete answer into memory; of several answers, the first.

    :raises StoreError: the file cannot be written; the answer is in the error's `body`.
    """
    if check is not None:
        check(response)
    try:
        turn.commit(response.choices[0].message)
    except StoreError as err:
        err.body = response.model_dump()
        raise

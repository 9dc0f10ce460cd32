"""One call of a ring, from the request to the answer: resolve, ask, parse, price."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from cloud.llm.events import Ping, ReasoningDelta, RefusalDelta, StreamEvent, TextDelta
from cloud.llm.types import ChatResponse
from LLM.exceptions import LLMAPIError, LLMError
from LLM.secrets import Secrets
from llmring.answers import llm_response, usage_dict
from llmring.attempts import Attempts, logger
from llmring.exceptions import CostTrackingError, wrap_exception
from llmring.failover import Answered, Failover
from llmring.files.addresses import with_downloads
from llmring.files.attaching import with_files
from llmring.files.registry import FileRegistry, RegisteredFile
from llmring.lockfile.resolution import AliasResolver
from llmring.messages import wire_message
from llmring.providers.base import BaseLLMProvider, EventStream, ProviderCall
from llmring.providers.catalog import ProviderCatalog
from llmring.registry import Registry, usage_with_cost
from llmring.schemas import LLMRequest, LLMResponse
from llmring.settings import RingSettings
from llmring.structured.formats import AnswerFormat, answer_format
from llmring.tracing import CallTrace

T = TypeVar("T")

#: The alias that is asked where a request names none.
DEFAULT_ALIAS = "fast"
#: Most events of a stream that are held until its caller is told something; an answer without text
#: has some for each token of its tool calls. Unbounded, small ones took 300 MiB in 10 s.
_MAX_BEGUN = 20_000


def _is_told(event: StreamEvent) -> bool:
    """Whether the caller is told of an event at once; the rest comes with the last chunk."""
    return isinstance(event, (TextDelta, RefusalDelta, ReasoningDelta)) and event.text != ""


@dataclass(slots=True)
class OpenStream:
    """A stream that has begun to answer.

    :param begun: the events that were read to know that it has.
    """

    events: EventStream
    begun: deque[StreamEvent]


def _answered(provider: BaseLLMProvider, call: ProviderCall) -> Awaitable[ChatResponse]:
    """The answer to a call."""
    return provider.chat(call)


async def _opened(provider: BaseLLMProvider, call: ProviderCall) -> OpenStream:
    """The stream of a call, once its caller can be told something."""
    events = provider.stream(call)
    begun: deque[StreamEvent] = deque()
    try:
        # Until the caller is told something, another model can answer in this one's place.
        async for event in events:
            if not isinstance(event, Ping):
                begun.append(event)
            if _is_told(event) or len(begun) == _MAX_BEGUN:
                break
    except BaseException:
        with contextlib.suppress(LLMError):
            await events.aclose()
        raise
    return OpenStream(events, begun)


@dataclass(slots=True)
class Job:
    """A request on its way.

    :param models: ``provider:model``, the first choice first.
    :param profile: the profile that was asked for; None for the one in use.
    :param pins: the version of each provider's list of models that the profile pins.
    :param files: registered files that the request refers to.
    :param secrets: what errors about the answer's form must not tell: keys of who was asked last.
    """

    request: LLMRequest
    models: Sequence[str]
    profile: str | None
    pins: Mapping[str, int]
    format: AnswerFormat | None
    messages: list[dict[str, Any]]
    attempts: Attempts
    files: Sequence[RegisteredFile] = ()
    secrets: Secrets = None


def _log(job: Job, model: str, usage: Mapping[str, Any]) -> None:
    provider, _, own_name = model.partition(":")
    told = job.attempts.told
    facts = {
        "provider": provider,
        "model": own_name,
        "alias": job.request.model,
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "cost": usage.get("cost"),
        "duration_s": round(told[-1].get("elapsed_s", 0.0), 3) if told else None,
        "tries": sum(one["outcome"] in ("failed", "answered") for one in told),
    }
    logger.info("%s answered", model, extra=facts)


class Caller:
    """Makes the calls of a ring."""

    def __init__(
        self,
        aliases: AliasResolver,
        providers: ProviderCatalog,
        registry: Registry,
        settings: RingSettings,
    ) -> None:
        self._aliases = aliases
        self._providers = providers
        self._registry = registry
        self._settings = settings
        self.failover = Failover(settings.retry_policy)
        #: What `LLMRequest.files` refers to.
        self.files = FileRegistry()
        #: Is told of each answer's model and priced usage, as soon as it is there; may not raise.
        self.on_answer: Callable[[Job, str, dict[str, Any]], None] | None = None
        #: Is told of each answer that the caller gets; may not raise.
        self.on_response: Callable[[Job, LLMResponse], None] | None = None

    def job(self, request: LLMRequest, profile: str | None) -> Job:
        """What a request takes, checked.

        :raises LLMRingError: no such alias or profile, or the request cannot work.
        """
        attempts = Attempts()
        found = self._aliases.resolve(
            request.model or DEFAULT_ALIAS, profile, self._providers.is_available
        )
        for model in found.pool.models:
            if model not in found.available:
                reason = self._providers.why_unavailable(model.partition(":")[0])
                attempts.unavailable(model, reason or "it is not set up")
        return Job(
            request=request,
            models=found.available,
            profile=profile,
            pins=found.registry_versions,
            format=answer_format(request),
            messages=[wire_message(message) for message in request.messages],
            attempts=attempts,
            files=self.files.require(request.files) if request.files else [],
        )

    async def chat(self, request: LLMRequest, profile: str | None) -> LLMResponse:
        """The answer to a request."""
        job = self.job(request, profile)
        trace = CallTrace(job, request.model or DEFAULT_ALIAS)
        try:
            with trace.during():
                answered = await self.failover.run(
                    job.models, lambda model: self._try(job, model, _answered), job.attempts
                )
                answered.completed()
                told = await self.finished(job, answered.model, answered.value)
        except BaseException as err:
            trace.end("failed", err)
            raise
        trace.end("answered")
        return told

    async def stream(self, job: Job) -> Answered[OpenStream]:
        """The first stream that begins to answer."""
        return await self.failover.run(
            job.models, lambda model: self._try(job, model, _opened), job.attempts
        )

    async def finished(self, job: Job, model: str, response: ChatResponse) -> LLMResponse:
        """A complete answer, parsed and priced.

        :raises LLMRingError: it does not fit the form that was asked for strictly, or its cost
            cannot be told and must. ``details["usage"]`` of the former says what was paid for it.
        """
        provider = model.partition(":")[0]
        pin = job.pins.get(provider)
        await self._registry.prepare(provider, pin)
        usage = self._priced(job, model, usage_dict(response.usage), pin)
        try:
            parsed = job.format.parsed(response, job.secrets) if job.format else None
        except LLMError as err:
            failure = wrap_exception(err, provider=provider, model=model)
            failure.provider, failure.model = provider, model
            failure.details.update(attempts=job.attempts.told, usage=usage)
            if failure is err:
                raise
            raise failure from err
        told = llm_response(response, model, usage, parsed, job.attempts.told)
        if self.on_response is not None:
            self.on_response(job, told)
        return told

    def _priced(
        self, job: Job, model: str, usage: dict[str, Any], pin: int | None
    ) -> dict[str, Any]:
        cost = self._registry.cost(usage, model, pin)
        priced = usage_with_cost(usage, cost)
        if logger.isEnabledFor(logging.INFO):
            _log(job, model, priced)
        if self.on_answer is not None:
            # The call was made, and is billed, whatever becomes of the answer.
            self.on_answer(job, model, priced)
        if self._settings.strict_cost and cost.status != "priced":
            raise CostTrackingError(
                f"what the call of {model} cost cannot be told ({cost.status}), and strict_cost "
                "wants it told; the answer is lost, the call was made",
                code=cost.status,
                model=model,
            )
        return priced

    async def _try(
        self,
        job: Job,
        model: str,
        ask: Callable[[BaseLLMProvider, ProviderCall], Awaitable[T]],
    ) -> T:
        """One try of a job at a model, whose provider is given the files that it lacks."""
        provider, call = self.call(job, model)
        call = await with_downloads(provider, call)
        if not job.files:
            return await ask(provider, call)
        try:
            return await ask(provider, await with_files(self.files, provider, call, job.files))
        except LLMAPIError as err:
            # Somebody else has deleted a copy: the next one is a new one.
            if not await self.files.forget_gone(provider, job.files, err):
                raise
        return await ask(provider, await with_files(self.files, provider, call, job.files))

    def call(self, job: Job, model: str) -> tuple[BaseLLMProvider, ProviderCall]:
        """One try of a job at a model, and who is to make it.

        :raises LLMConfigError: the model's provider is not set up.
        """
        name, _, own_name = model.partition(":")
        request, pin = job.request, job.pins.get(name)
        provider = self._providers.get(name)
        if job.format is not None:
            job.secrets = provider.secrets
        # Read while the model answers; the price is told after that.
        self._registry.prepare_soon(name, pin)
        return provider, ProviderCall(
            model=own_name,
            messages=job.messages,
            timeout_s=request.timeout or self._settings.timeout_s,
            temperature=request.temperature,
            max_tokens=request.max_tokens,
            reasoning_tokens=request.reasoning_tokens,
            tools=request.tools,
            tool_choice=request.tool_choice,
            response_format=job.format.asked if job.format else None,
            cache=request.cache,
            extra=request.extra_params,
            facts=self._registry.model(model, pin),
        )

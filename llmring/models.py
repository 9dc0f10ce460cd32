"""What a ring knows of models: which there are, what they can do, what fits them."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from LLM.exceptions import LLMError
from LLM.usage import estimate_tokens
from llmring.caller import Caller, Job
from llmring.exceptions import wrap_exception
from llmring.lockfile.resolution import AliasResolver
from llmring.providers.base import PromptSize
from llmring.providers.catalog import ProviderCatalog
from llmring.registry import Drift, Registry, RegistryModel
from llmring.registry.store import OWN_MACHINES
from llmring.schemas import LLMRequest

#: Tokens that a chat template puts around a message, in most models.
_TOKENS_PER_MESSAGE = 4
_logger = logging.getLogger("llmring")


class Models:
    """The models of a ring.

    :param caller: makes the ring's calls.
    :param timeout_s: seconds that a provider may take to list its models.
    """

    def __init__(
        self,
        aliases: AliasResolver,
        providers: ProviderCatalog,
        registry: Registry,
        caller: Caller,
        timeout_s: float,
    ) -> None:
        self._aliases = aliases
        self._providers = providers
        self._registry = registry
        self._caller = caller
        self._timeout_s = timeout_s

    async def available(self) -> dict[str, list[str]]:
        """As `LLMRing.get_available_models`."""
        self._aliases.look()
        names = [name for name in self._providers.names if self._providers.is_available(name)]
        found = await asyncio.gather(*[self._of_provider(name) for name in names])
        return dict(zip(names, found, strict=True))

    async def info(self, alias_or_model: str, profile: str | None) -> dict[str, Any]:
        """As `LLMRing.get_enhanced_model_info`."""
        found = self._aliases.resolve(alias_or_model, profile, self._providers.is_available)
        provider, _, name = found.model.partition(":")
        pin = found.registry_versions.get(provider)
        await self._registry.prepare(provider, pin)
        listed = self._registry.model(found.model, pin)
        facts = listed or RegistryModel.model_construct(provider=provider, model_name=name)
        return {
            **facts.model_dump(),
            "provider": provider,
            "model": name,
            "listed": listed is not None,
            "available": self._providers.is_available(provider),
        }

    async def context_problem(self, request: LLMRequest, profile: str | None) -> str | None:
        """As `LLMRing.validate_context_limit`."""
        job = self._caller.job(request, profile)
        model = job.models[0]
        provider = model.partition(":")[0]
        pin = job.pins.get(provider)
        await self._registry.prepare(provider, pin)
        facts = self._registry.model(model, pin)
        most = facts.max_output_tokens if facts else None
        if most and request.max_tokens and request.max_tokens > most:
            return f"max_tokens is {request.max_tokens:,}, and {model} writes at most {most:,}"
        if size := await self._measured(job, model):
            # The window is the answer's too, which has a token at least.
            return _too_long(model, f"{size.tokens:,}", size.tokens, size.window - 1)
        if facts is None or not facts.max_input_tokens:
            return None
        n_tokens = estimated_tokens(job)
        return _too_long(model, f"about {n_tokens:,}", n_tokens, facts.max_input_tokens)

    async def drift(self, profile: str | None) -> dict[str, Drift]:
        """As `LLMRing.registry_drift`."""
        self._aliases.aliases(profile)  # or there is no such profile
        pins = self._aliases.registry_versions(profile)
        return {name: await self._registry.drift(name, pins[name]) for name in sorted(pins)}

    async def _of_provider(self, name: str) -> list[str]:
        await self._registry.prepare(name)
        listed = [model.model_name for model in self._registry.models(name) if model.is_active]
        if listed and name not in OWN_MACHINES:
            return listed
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._providers.get(name).list_models() or []
        except TimeoutError:
            problem = f"no answer within {self._timeout_s:g} s"
        except LLMError as err:
            problem = err.message
        _logger.info("%s does not tell its models: %s", name, problem)
        return []

    async def _measured(self, job: Job, model: str) -> PromptSize | None:
        if not self._providers.is_available(model.partition(":")[0]):
            return None
        provider, call = self._caller.call(job, model)
        try:
            return await provider.prompt_size(call)
        except LLMError as err:
            raise wrap_exception(err, provider=provider.name, model=model) from err


def _too_long(model: str, told: str, n_tokens: int, limit: int) -> str | None:
    if n_tokens <= limit:
        return None
    return (
        f"the prompt has {told} tokens, and {model} takes {limit:,}; shorten it, or ask a model "
        "with a larger window"
    )


def estimated_tokens(job: Job) -> int:
    """About how many tokens a prompt has: a quarter of its text's bytes, and some each message.

    Images and files are not counted.
    """
    texts = [text for message in job.messages for text in _texts(message)]
    if job.request.tools:
        texts.append(json.dumps(job.request.tools, ensure_ascii=False, default=str))
    n_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    return estimate_tokens(n_bytes) + _TOKENS_PER_MESSAGE * len(job.messages)


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    """What of a message is text: of its content, and of its tool calls."""
    content = message.get("content")
    parts: Sequence[Any] = [content] if isinstance(content, str) else content or []
    for part in parts:
        text = part.get("text") if isinstance(part, Mapping) else part
        if isinstance(text, str):
            yield text
    for call in message.get("tool_calls") or ():
        yield json.dumps(call.get("function"), ensure_ascii=False, default=str)

"""Anthropic."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from cloud.llm.anthropic.async_client import AsyncAnthropicClient
from cloud.llm.anthropic.requests import DEFAULT_MAX_TOKENS
from llmring.exceptions import ValidationError
from llmring.files.forms import ANTHROPIC, ANTHROPIC_CONTAINER, FileForms
from llmring.messages import anthropic_messages
from llmring.providers.anthropic.forced_tool import ForcedTool
from llmring.providers.anthropic.models import MIN_BUDGET, ClaudeModel, claude_model
from llmring.providers.base import ProviderCall
from llmring.providers.efforts import effort_for
from llmring.providers.remote import RemoteProvider
from llmring.providers.sdks import sdk

if TYPE_CHECKING:
    from cloud.llm.streams import AsyncEventStream
    from cloud.llm.types import ChatResponse

_logger = logging.getLogger("llmring")

#: Tokens that a model may think which nobody has asked to, beside those of the answer.
_MAX_UNASKED = 16_384
_BOUNDS = frozenset({"max_completion_tokens", "max_tokens", "thinking"})

#: Tools that run at Anthropic, by the names without a date, in the version that all models have.
#: Source: https://platform.claude.com/docs/en/agents-and-tools/tool-use/code-execution-tool;
#: ToolUnionParam of anthropic 2.12: none of them needs a header for betas.
_SERVER_TOOLS = {
    "code_execution": "code_execution_20250825",
    "web_fetch": "web_fetch_20250910",
    "web_search": "web_search_20250305",
}


class AnthropicProvider(RemoteProvider):
    """Anthropic.

    :param settings: those of `AsyncAnthropicClient`; the environment fills in key and address.
    """

    cache_fields: ClassVar = frozenset({"cache_control"})

    def __init__(self, name: str = "anthropic", **settings: Any) -> None:
        super().__init__(name, AsyncAnthropicClient.from_env(max_retries=0, **settings))

    def _make_sdk_client(self) -> Any:
        return sdk("anthropic").AsyncAnthropic(
            # Without one the SDK would take that of the environment, whatever the address.
            api_key=self.api_key or "none",
            # The SDK adds the version itself.
            base_url=self.chat_client.codec.api_root.removesuffix("/v1"),
            default_headers=self.headers,
        )

    async def chat(self, call: ProviderCall) -> ChatResponse:
        """Answer a conversation; see `BaseLLMProvider.chat`."""
        forced = _forced_tool(call)
        if forced is None:
            return await super().chat(call)
        return forced.answer(await super().chat(forced.call))

    def stream(self, call: ProviderCall) -> AsyncEventStream:
        """The events of an answer; see `BaseLLMProvider.stream`."""
        forced = _forced_tool(call)
        if forced is None:
            return super().stream(call)
        return forced.stream(super().stream(forced.call))

    def file_forms(self, call: ProviderCall) -> FileForms:
        """How the model of a call takes files; see `BaseLLMProvider.file_forms`."""
        return ANTHROPIC_CONTAINER if _runs_code(call) else ANTHROPIC

    def messages(self, call: ProviderCall) -> list[dict[str, Any]]:
        """The messages with their cache markers, and Anthropic's own parts as they are.

        :raises ValidationError: a marker is none.
        """
        for i, message in enumerate(call.messages):
            if "cache_control" in message:
                _check_marker(message["cache_control"], f"messages[{i}].metadata")
        return anthropic_messages(call.messages)

    def tools(self, call: ProviderCall) -> list[dict[str, Any]] | None:
        """The tools; Anthropic's own with the version and the name that the API wants."""
        return call.tools and [_versioned_tool(tool) for tool in call.tools]

    def arguments(self, call: ProviderCall) -> dict[str, Any]:
        """See `RemoteProvider.arguments`.

        Claude counts thoughts and answer by one limit, so `reasoning_tokens` is added to that of
        the answer. A model that decides by itself how much to think is asked for the effort that
        fits, one with a budget for no less than it takes, one that always thinks for the least
        where none is asked for; one that cannot think keeps every such limit. A temperature is left
        out where the model refuses one.

        :raises ValidationError: what is asked contradicts itself, or has no form at Anthropic.
        """
        if call.cache and "cache_control" in call.cache:
            _check_marker(call.cache["cache_control"], "cache")
        asked = super().arguments(call)
        asked.update(_thinking_fields(call) | call.extra)
        if call.temperature is not None and not _takes_temperature(call):
            _logger.debug("%s takes no temperature here; it is left out", call.model)
            asked["temperature"] = call.extra.get("temperature")
        return asked


def _check_marker(marker: Any, where: str) -> None:
    if not isinstance(marker, Mapping) or not isinstance(marker.get("type"), str):
        raise ValidationError(
            f"{where}['cache_control'] is {marker!r}; give {{'type': 'ephemeral'}}, with 'ttl': "
            "'1h' to keep it for an hour"
        )


def _versioned_tool(tool: dict[str, Any]) -> dict[str, Any]:
    kind = tool.get("type")
    version = _SERVER_TOOLS.get(kind) if isinstance(kind, str) else None
    return tool if version is None else {**tool, "type": version, "name": kind}


def _runs_code(call: ProviderCall) -> bool:
    """Whether Anthropic's container for code is among the tools; what is in it reads any file."""
    return any(str(tool.get("type")).startswith("code_execution") for tool in call.tools or ())


def _thinking_fields(call: ProviderCall) -> dict[str, Any]:
    """What `reasoning_tokens` comes to.

    :raises ValidationError: a field of Anthropic's says how much to think, too.
    """
    n_tokens = call.reasoning_tokens
    model = claude_model(call.model)
    if n_tokens is None:
        return _room_for_thoughts(call, model)
    if given := call.extra.keys() & {"thinking", "reasoning_effort"}:
        raise ValidationError(
            f"reasoning_tokens and extra_params[{min(given)!r}] both say how much to think; give "
            "one of them"
        )
    if not _can_think(call, model):
        return {}
    if n_tokens == 0:
        return _least_thinking(call, model)
    if not model.is_adaptive:
        n_tokens = max(n_tokens, MIN_BUDGET)
    fields: dict[str, Any] = {}
    if "max_completion_tokens" not in call.extra:
        n_answer = DEFAULT_MAX_TOKENS if call.max_tokens is None else call.max_tokens
        fields["max_tokens"] = n_answer + n_tokens
    if not model.is_adaptive:
        return {**fields, "thinking": {"type": "enabled", "budget_tokens": n_tokens}}
    # Newer models show no thoughts unless asked to.
    thinking = {"type": "adaptive", "display": "summarized"}
    return {**fields, "thinking": thinking, "reasoning_effort": effort_for(n_tokens)}


def _room_for_thoughts(call: ProviderCall, model: ClaudeModel) -> dict[str, Any]:
    """A limit that leaves tokens for the answer, where neither that nor thoughts are bounded."""
    is_bounded = call.max_tokens is not None or not _BOUNDS.isdisjoint(call.extra)
    if is_bounded or not model.thinks_unasked:
        return {}
    return {"max_tokens": DEFAULT_MAX_TOKENS + _MAX_UNASKED}


def _least_thinking(call: ProviderCall, model: ClaudeModel) -> dict[str, Any]:
    """No thinking, or of a model that always thinks the least."""
    thinking = model.without_thinking
    if thinking is None:
        return {**_room_for_thoughts(call, model), "reasoning_effort": "low"}
    return {"thinking": thinking} if thinking else {}


def _can_think(call: ProviderCall, model: ClaudeModel) -> bool:
    known = call.facts.supports_thinking if call.facts else None
    return model.can_think if known is None else known


def _thinks(call: ProviderCall) -> bool:
    """Whether the model is asked to think."""
    given = call.extra.get("thinking")
    if isinstance(given, Mapping):
        return given.get("type") in ("adaptive", "enabled")
    return bool(call.reasoning_tokens) and _can_think(call, claude_model(call.model))


def _takes_temperature(call: ProviderCall) -> bool:
    known = call.facts.supports_temperature if call.facts else None
    takes = claude_model(call.model).takes_temperature if known is None else known
    return takes and not _thinks(call)


def _forced_tool(call: ProviderCall) -> ForcedTool | None:
    """The tool by which an older model is held to a schema; None where there is no need."""
    if call.response_format is None or claude_model(call.model).has_formats:
        return None
    # While it thinks, Claude cannot be made to call a tool.
    return ForcedTool.of(call, may_force=not _thinks(call))

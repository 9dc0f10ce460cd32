"""What the models of an Ollama server can do: asked once, and kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from cloud.llm.ollama.async_client import AsyncOllamaClient
from llmring.providers.single_flight import SingleFlight

#: Most models of which it is kept.
MAX_MODELS = 256


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model can do.

    :param tools: whether its template tells it of tools, and its calls are read by the server.
    :param thinking: whether it can think before it answers.
    """

    tools: bool
    thinking: bool


class OllamaModels:
    """The models of a server. Tasks and threads may share it.

    :param client: asks the server.
    """

    def __init__(self, client: AsyncOllamaClient) -> None:
        self._client = client
        self._known: OrderedDict[str, Capabilities] = OrderedDict()
        self._asking = SingleFlight(self._ask)

    def known(self, model: str) -> Capabilities | None:
        """What a model can do, if that was asked before."""
        return self._known.get(model)

    async def capabilities(self, model: str, timeout_s: float) -> Capabilities:
        """What a model can do.

        :param timeout_s: seconds that the server may take to tell.
        :raises ModelNotFoundError: it is not on the server.
        :raises LLMError: the server cannot be asked.
        """
        late = f"Ollama did not tell what the model {model!r} can do"
        return self.known(model) or await self._asking.result(model, timeout_s, late)

    def learn_no_tools(self, model: str) -> bool:
        """Take note that the server refuses tools for a model. :return: whether that is news."""
        known = self._known.get(model)
        if known is None or not known.tools:
            return False
        self._known[model] = replace(known, tools=False)
        return True

    def forget(self, model: str) -> None:
        """Ask anew the next time: it may come back as another one."""
        self._known.pop(model, None)

    async def _ask(self, model: str) -> Capabilities:
        found = capabilities_in(await self._client.show_model(model))
        self._known[model] = found
        while len(self._known) > MAX_MODELS:
            self._known.popitem(last=False)
        return found


def capabilities_in(facts: Mapping[str, Any]) -> Capabilities:
    """What a model can do, by the answer of ``/api/show``.

    Servers before 0.6.4 do not list it; there, as in theirs, a template that writes tools has them.

    Source: https://docs.ollama.com/api/show; `Capabilities` in the server's server/images.go.
    """
    listed = facts.get("capabilities")
    if isinstance(listed, list):
        return Capabilities("tools" in listed, "thinking" in listed)
    return Capabilities(".Tools" in str(facts.get("template")), thinking=False)

"""What an Ollama server tells about a model. Pure: its answers in, facts out.

Source: https://docs.ollama.com/api, ``/api/show`` and ``/api/tags``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from LLM.exceptions import LLMConfigError, LLMResponseError
from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.defaults import DEFAULT_WINDOW
from local_llm_kit.engines.protocol import ModelInfo

#: The largest that 32 bits of a floating number hold: no model computes with larger ones.
LARGEST_NUMBER = 3.4028234663852886e38
# Go writes numbers of a million and more with an exponent.
_NUM_CTX = re.compile(r"^num_ctx[ \t]+([0-9]{1,9}(?:\.[0-9]{1,9}e\+0[6-9])?)[ \t]*$", re.MULTILINE)
_STOP = re.compile(r'^stop[ \t]+("(?:[^"\\\n]|\\.)*")[ \t]*$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Facts:
    """One model of a server.

    :param name: as it was asked for.
    :param origin: the server's address.
    :param context_length: tokens of prompt and output together, told to Ollama with every call.
    :param n_ctx_train: window that the model was trained with, in tokens; 0 where it is not told.
    :param stops: texts at which the model's maker lets answers end; a call's own would replace
        them, so calls send both.
    :param capabilities: what it can do, such as ``completion``, ``tools``, ``embedding``; None
        where an old server does not say.
    """

    name: str
    origin: str
    context_length: int
    n_ctx_train: int
    n_vocab: int
    n_params: int
    n_embd: int
    stops: tuple[str, ...]
    capabilities: frozenset[str] | None

    def can(self, what: str) -> bool:
        """Whether the model has a capability; True where the server does not say."""
        return self.capabilities is None or what in self.capabilities

    @property
    def info(self) -> ModelInfo:
        """The same as all back ends tell it; 0 and "" stand for what Ollama keeps to itself."""
        return ModelInfo(
            name=self.name,
            path=self.origin,
            context_length=self.context_length,
            n_ctx_train=self.n_ctx_train,
            n_vocab=self.n_vocab,
            n_params=self.n_params,
            size_bytes=0,
            longest_token_bytes=0,
            chat_template=None,
            bos_token="",
            eos_token="",
            backend="ollama",
            device=self.origin,
            n_embd=self.n_embd,
            capabilities=tuple(sorted(self.capabilities or ("completion",))),
        )


def facts_of(name: str, origin: str, shown: JSONObject, context_length: int | None) -> Facts:
    """Facts out of the answer of ``/api/show``.

    :param context_length: window asked for; None takes the ``num_ctx`` of the model's Modelfile,
        else its own window up to 8,192.
    :raises LLMConfigError: the window asked for is larger than the model's.
    :raises LLMResponseError: the answer is not Ollama's.
    """
    info = shown.get("model_info")
    info = info if isinstance(info, dict) else {}
    arch = info.get("general.architecture")
    parameters = shown.get("parameters")
    parameters = parameters if isinstance(parameters, str) else ""
    trained = count_of(info, f"{arch}.context_length")
    if context_length is not None and trained and not 0 < context_length <= trained:
        raise LLMConfigError(
            f"context_length is {context_length!r}; the window of {name!r} has 1 to {trained:,} "
            "tokens"
        )
    capabilities = shown.get("capabilities")
    return Facts(
        name=name,
        origin=origin,
        context_length=context_length or _default_window(parameters, trained),
        n_ctx_train=trained,
        n_vocab=count_of(info, f"{arch}.vocab_size"),
        n_params=count_of(info, "general.parameter_count"),
        n_embd=count_of(info, f"{arch}.embedding_length"),
        stops=tuple(map(_unquoted, _STOP.findall(parameters))),
        capabilities=frozenset(filter(_is_text, capabilities))
        if isinstance(capabilities, list)
        else None,
    )


def _unquoted(text: str) -> str:
    """A text as Go quotes it, whose escapes are among Python's."""
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        raise LLMResponseError(
            f"the model's stop {text[:40]!r} cannot be read; is an Ollama server there?"
        ) from None


def _default_window(parameters: str, trained: int) -> int:
    set_by_maker = _NUM_CTX.search(parameters)
    if set_by_maker and float(set_by_maker[1]):
        return int(float(set_by_maker[1]))
    return min(trained or DEFAULT_WINDOW, DEFAULT_WINDOW)


def count_of(info: Mapping[str, Any], name: str) -> int:
    """A field that counts something; 0 where there is none."""
    value = info.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def model_names(tags: JSONObject) -> list[str]:
    """Names of the models in the answer of ``/api/tags``."""
    models = tags.get("models")
    entries = models if isinstance(models, list) else []
    names = [
        entry.get("model") or entry.get("name") for entry in entries if isinstance(entry, dict)
    ]
    return [name for name in names if isinstance(name, str)]

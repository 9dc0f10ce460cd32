"""What Ollama's ``options`` mean here: fields of OpenAI's API, or nothing, or a refusal. Pure.

Source: https://docs.ollama.com/modelfile, "Valid parameters and values".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_llm_kit.fields import MAX_TOKENS, Fields, invalid, kind_of, shown, unsupported

#: Options that OpenAI's fields, or ours beside them, know by the same name.
_SAME = (
    "temperature",
    "top_p",
    "min_p",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
)
#: How a model is loaded, which no request decides here; clients send some of them with each call.
#: And how much of the text penalties look at: here they look at all of it.
_WITHOUT_EFFECT = {
    "num_ctx": (1, 1 << 30),
    "num_batch": (1, 1 << 30),
    "num_gpu": (-1, 1 << 16),
    "main_gpu": (0, 1 << 16),
    "num_thread": (0, 1 << 16),
    "num_keep": (-1, MAX_TOKENS),
    "repeat_last_n": (-1, MAX_TOKENS),
}
_FLAGS = (
    "numa",
    "low_vram",
    "f16_kv",
    "logits_all",
    "vocab_only",
    "use_mmap",
    "use_mlock",
    "embedding_only",
    "penalize_newline",
)
#: Ways of sampling that are not ours; at this value they change nothing.
_OFF = {"mirostat": 0, "tfs_z": 1, "typical_p": 1}
#: How Mirostat would go, were it on.
_OF_MIROSTAT = {"mirostat_tau": (0.0, 100.0), "mirostat_eta": (0.0, 100.0)}


def read_options(value: Any, ignored: list[str]) -> dict[str, Any]:
    """The fields that options make.

    :param value: the ``options`` of a request; None for none.
    :param ignored: gets the names of those without effect.
    :raises InvalidRequestError: one is unknown, wrong, or cannot be honoured; names it.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise invalid("options", f"options must be an object, not {kind_of(value)}")
    options = Fields(value)
    out = {name: options.take(name) for name in _SAME}
    out["max_tokens"] = _limit(options)
    out["top_k"] = _top_k(options)
    if value.get("repeat_penalty") is not None:
        out["repetition_penalty"] = options.number("repeat_penalty", 1.0, 0.01, 10)
    _take_ignored(options, ignored)
    options.done({})
    return {name: one for name, one in out.items() if one is not None}


def _limit(options: Fields) -> int | None:
    """Most tokens; as Ollama's runner, whatever is not positive sets no limit but the window."""
    n_tokens = options.integer("num_predict", -2, MAX_TOKENS)
    return n_tokens if n_tokens and n_tokens > 0 else None


def _top_k(options: Fields) -> int | None:
    n_tokens = options.integer("top_k", -1, MAX_TOKENS)
    return None if n_tokens is None else max(n_tokens, 0)


def _take_ignored(options: Fields, ignored: list[str]) -> None:
    given = [name for name, (low, high) in _WITHOUT_EFFECT.items()
             if options.integer(name, low, high) is not None]  # fmt: skip
    given += [name for name in _FLAGS if options.flag(name) is not None]
    for name, off in _OFF.items():
        if options.number(name, off, -1e9, 1e9) != off:
            raise unsupported(name, f"{name} is not supported; leave it out, or give {shown(off)}")
    for name, (low, high) in _OF_MIROSTAT.items():
        if options.number(name, -1.0, low, high) >= 0:
            given.append(name)
    ignored += [f"options.{name}" for name in given]

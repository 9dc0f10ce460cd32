"""Requests of ``/api/chat`` and ``/api/generate`` as OpenAI's fields. Pure.

Source: https://docs.ollama.com/api.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import MAX_TOKENS, Fields, check_text, invalid, kind_of, unsupported
from local_llm_kit.server.ollama.durations import keep_alive_s
from local_llm_kit.server.ollama.messages import openai_messages, with_images
from local_llm_kit.server.ollama.options import read_options
from local_llm_kit.server.shapes import IN_CHUNKS

_EFFORTS = ("low", "medium", "high", "max")
#: What to do about fields of ``/api/generate`` that are not honoured.
_ADVICE = {
    "template": "the model's own is used; for another one, render the prompt and send it raw",
    "context": "send the conversation to /api/chat",
    "width": "the model writes text only",
    "height": "the model writes text only",
    "steps": "the model writes text only",
}


@dataclass(slots=True)
class OllamaRequest:
    """What a request asks for.

    :param kind: ``chat``, ``text`` (a prompt that is given to the model as it is), or ``none``:
        nothing is to be generated, the model is to be loaded or unloaded.
    :param model: name as it was given.
    :param fields: OpenAI's fields, those of a stream that ends with the token counts.
    :param stream: whether the client wants a stream.
    :param think: whether the model is to think before it answers, or how much; None says nothing
        about it.
    :param unloads: whether the model is to be unloaded once nothing is to be done.
    :param ignored: names of fields without effect.
    """

    kind: Literal["chat", "text", "none"]
    model: str
    stream: bool
    fields: JSONObject
    think: bool | str | None
    unloads: bool
    ignored: list[str] = field(default_factory=list)


def read_chat(body: Mapping[str, Any]) -> OllamaRequest:
    """A request of ``/api/chat``.

    :raises InvalidRequestError: a field is wrong, or cannot be honoured; names it.
    """
    left = Fields(body)
    asked = _common(left)
    messages = left.take("messages")
    if isinstance(messages, list):
        asked.kind = "chat" if messages else "none"
        messages = openai_messages(messages)
    elif messages is not None:
        raise invalid("messages", f"messages must be a list, not {kind_of(messages)}")
    asked.fields |= {"messages": messages, "tools": left.take("tools")}
    _take_scores(left, asked)
    left.done({})
    return asked


def read_generate(body: Mapping[str, Any]) -> OllamaRequest:
    """A request of ``/api/generate``; raises as `read_chat` does."""
    left = Fields(body)
    asked = _common(left)
    prompt, system = left.text("prompt") or "", left.text("system") or ""
    images, suffix = left.take("images"), left.text("suffix")
    # Around a gap the model's own marks stand, and no template.
    is_raw = bool(left.flag("raw")) or bool(suffix)
    for name, advice in _ADVICE.items():
        if left.take(name) not in (None, "", []):
            raise unsupported(name, f"{name} is not supported; {advice}")
    if prompt or images:
        asked.kind = "text" if is_raw else "chat"
    if is_raw and asked.think:
        raise unsupported("think", "think is not supported in raw prompts; leave it out")
    if is_raw and (system or images):
        name = "system" if system else "images"
        raise invalid(name, f"{name} has no place in a raw prompt, or in one with a suffix")
    if is_raw:
        check_text("prompt", prompt)
        asked.fields |= {"prompt": prompt, "suffix": suffix or None}
        # Without a limit OpenAI's completions have 16 tokens, Ollama's as many as fit.
        asked.fields.setdefault("max_tokens", MAX_TOKENS)
    else:
        turn = {"role": "user", "content": with_images("images", prompt, images or [])}
        asked.fields["messages"] = [{"role": "system", "content": system}] * bool(system) + [turn]
    _take_scores(left, asked)
    left.done({})
    return asked


def _common(left: Fields) -> OllamaRequest:
    """What both kinds of requests share; the kind is not known yet."""
    ignored: list[str] = []
    stream = left.flag("stream")
    asked = OllamaRequest(
        "none",
        model=read_model(left),
        stream=stream is not False,
        fields=read_options(left.take("options"), ignored),
        think=_think(left.take("think")),
        unloads=takes_unload(left, ignored),
        ignored=ignored,
    )
    asked.fields |= {
        "model": asked.model,
        **IN_CHUNKS,
        **_format(left.take("format")),
    }
    if left.flag("truncate"):
        asked.fields["overflow"] = "drop_oldest"
    if left.flag("shift"):
        ignored.append("shift")
    return asked


def read_model(left: Fields) -> str:
    """The name of the model.

    :raises InvalidRequestError: there is none.
    """
    name, older = left.text("model"), left.text("name")
    if not (name or older):
        raise invalid("model", "model is missing; name one of those that /api/tags lists")
    check_text("model", name or older or "")
    return name or older or ""


def takes_unload(left: Fields, ignored: list[str]) -> bool:
    """Whether ``keep_alive`` has the model unloaded at once.

    How long models stay otherwise is for whoever runs the server to say.
    """
    value = left.take("keep_alive")
    if value is None:
        return False
    if keep_alive_s(value) == 0:
        return True
    ignored.append("keep_alive")
    return False


def _think(value: Any) -> bool | str | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _EFFORTS:
        return value
    raise invalid("think", "think must be true, false, 'low', 'medium', 'high' or 'max'")


def _format(value: Any) -> JSONObject:
    if value in (None, ""):
        return {}
    if value == "json":
        return {"response_format": {"type": "json_object"}}
    if isinstance(value, Mapping):
        return {"json_schema": value}
    raise invalid("format", "format must be 'json' or a JSON schema")


def _take_scores(left: Fields, asked: OllamaRequest) -> None:
    wanted, n_top = left.flag("logprobs"), left.take("top_logprobs")
    if asked.kind == "text":
        if n_top is not None and not wanted:
            raise invalid("top_logprobs", "top_logprobs needs logprobs to be true")
        # A completion's number counts the likeliest tokens; a chat has a switch beside it.
        asked.fields["logprobs"] = (0 if n_top is None else n_top) if wanted else None
        if asked.fields.pop("overflow", None):
            asked.ignored.append("truncate")
    else:
        asked.fields |= {"logprobs": wanted, "top_logprobs": n_top}

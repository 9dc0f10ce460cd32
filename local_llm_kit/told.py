"""What telemetry tells of a call of a model and of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from LLM import telemetry
from LLM.telemetry.answers import Output, Told
from LLM.telemetry.asked import Asked
from LLM.telemetry.peers import Peer, peer_of
from LLM.telemetry.watch import Watch
from LLM.types import Usage

if TYPE_CHECKING:
    from local_llm_kit.arguments import Defaults
    from local_llm_kit.backends import Growing, JSONObject
    from local_llm_kit.engines.protocol import ModelInfo


def asked_of(
    operation: str,
    info: ModelInfo,
    fields: Mapping[str, Any],
    began_ns: int | None = None,
    defaults: Defaults | None = None,
) -> Asked:
    """What a call asks for.

    :param fields: OpenAI's, as the caller gave them.
    :param began_ns: when the call began, by `time.time_ns`; None for now.
    :param defaults: used for what `fields` leave out.
    """
    # A model behind Ollama's API is in another process, at the address that it "computes" at.
    is_remote = info.backend == "ollama"
    peer = peer_of(info.device, "ollama") if is_remote else Peer(info.backend)
    if defaults is not None:
        usual = {"temperature": defaults.temperature, "top_p": defaults.top_p}
        fields = usual | {name: value for name, value in fields.items() if value is not None}
    return Asked(operation, peer, info.name, fields, began_ns=began_ns)


def watch_of(asked: Asked | None, answer: Growing) -> Watch | None:
    """Begin the span of a call that is about to run; None where nothing is recorded."""
    recorder = telemetry.current
    if asked is None or recorder is None:
        return None
    return Watch(recorder.call(asked), lambda: told_of(answer))


def told_of(answer: Growing) -> Told:
    """What an answer tells, as far as it has grown."""
    if not answer.done:
        return Told(usage=Usage.model_validate(answer.usage()))
    response = answer.response()
    choices = response.get("choices") or []

    def output() -> Output:
        return [(_message(choice), choice.get("finish_reason") or "") for choice in choices]

    return Told(
        id=response.get("id"),
        model=response.get("model"),
        finish_reasons=[one["finish_reason"] for one in choices if one.get("finish_reason")],
        usage=Usage.model_validate(answer.usage()),
        output=output,
    )


def embeddings_told(response: JSONObject, n_embd: int) -> Told:
    """What embeddings tell.

    :param n_embd: numbers of each.
    """
    usage = Usage.model_validate(response["usage"])
    return Told(model=response["model"], usage=usage, dimensions=n_embd)


def _message(choice: JSONObject) -> dict[str, Any]:
    message = choice.get("message")
    if message is not None:
        return dict(message)
    return {"role": "assistant", "content": choice.get("text")}

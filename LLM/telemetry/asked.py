"""What a call asks for, as the attributes that a span begins with. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from LLM.secrets import Secrets
from LLM.telemetry import names
from LLM.telemetry.peers import Peer

#: Attributes may be strings, numbers, booleans, and sequences of one of these.
Attributes = dict[str, Any]

#: Most characters of a value that is no content: names of models, ids, stop sequences.
MAX_VALUE_CHARS = 256
#: Most entries of a value that is a list.
MAX_VALUE_ITEMS = 128

#: OpenAI's fields that are numbers, by the conventions' names and types.
_NUMBERS: Mapping[str, tuple[str, Callable[[Any], float]]] = {
    "temperature": (names.REQUEST_TEMPERATURE, float),
    "top_p": (names.REQUEST_TOP_P, float),
    "top_k": (names.REQUEST_TOP_K, float),
    "max_tokens": (names.REQUEST_MAX_TOKENS, int),
    "max_completion_tokens": (names.REQUEST_MAX_TOKENS, int),
    "frequency_penalty": (names.REQUEST_FREQUENCY_PENALTY, float),
    "presence_penalty": (names.REQUEST_PRESENCE_PENALTY, float),
    "seed": (names.REQUEST_SEED, int),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that is about to be made.

    :param operation: as `gen_ai.operation.name` has it.
    :param peer: who is asked.
    :param model: the model's name; None leaves it to the provider.
    :param fields: the request in OpenAI's words, messages and tools among them.
    :param secret: keys, which are kept out of everything.
    :param has_system: the first message was given apart from the conversation.
    :param began_ns: when the call began, by `time.time_ns`, if that was before now.
    """

    operation: str
    peer: Peer
    model: str | None
    fields: Mapping[str, Any] = field(repr=False)
    secret: Secrets = field(default=None, repr=False)
    has_system: bool = False
    began_ns: int | None = None

    @property
    def span_name(self) -> str:
        """The name of the call's span."""
        return f"{self.operation} {short(self.model)}" if self.model else self.operation


def short(value: str) -> str:
    """A value that is no content, as much of it as an attribute holds."""
    return value if len(value) <= MAX_VALUE_CHARS else value[:MAX_VALUE_CHARS]


def shorts(values: Sequence[Any]) -> list[str]:
    """A list of values that are no content; what is no text is left out."""
    return [short(value) for value in values[:MAX_VALUE_ITEMS] if isinstance(value, str)]


def identity(asked: Asked) -> Attributes:
    """Who is asked for what: the attributes that spans and metrics share."""
    attributes: Attributes = {
        names.OPERATION_NAME: asked.operation,
        names.PROVIDER_NAME: asked.peer.provider,
    }
    if asked.model:
        attributes[names.REQUEST_MODEL] = short(asked.model)
    if asked.peer.address:
        attributes[names.SERVER_ADDRESS] = asked.peer.address
        attributes[names.SERVER_PORT] = asked.peer.port
    return attributes


def request_attributes(asked: Asked) -> Attributes:
    """The settings of a call. What the server is going to refuse, a text for a number, is none."""
    fields = asked.fields
    found: Attributes = {}
    for name, (attribute, as_number) in _NUMBERS.items():
        value = fields.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            found[attribute] = as_number(value)
    stop = fields.get("stop")
    if isinstance(stop, (str, list, tuple)) and stop:
        found[names.REQUEST_STOP_SEQUENCES] = shorts([stop] if isinstance(stop, str) else stop)
    n = fields.get("n")
    if isinstance(n, int) and n != 1:
        found[names.REQUEST_CHOICE_COUNT] = n
    if fields.get("stream") is True:
        found[names.REQUEST_STREAM] = True
    if asked.operation == names.EMBEDDINGS:
        if isinstance(encoding := fields.get("encoding_format"), str):
            found[names.REQUEST_ENCODING_FORMATS] = [short(encoding)]
    elif kind := _output_type(fields):
        found[names.OUTPUT_TYPE] = kind
    if asked.peer.provider == "openai":
        if asked.operation == names.CHAT:
            is_chat = "messages" in fields
            found[names.OPENAI_API_TYPE] = "chat_completions" if is_chat else "responses"
        tier = fields.get("service_tier")
        if isinstance(tier, str) and tier != "auto":
            found[names.OPENAI_REQUEST_SERVICE_TIER] = short(tier)
    return found


def _output_type(fields: Mapping[str, Any]) -> str | None:
    """The kind of output that was asked for; None where the request says nothing of it."""
    modalities = fields.get("modalities")
    if isinstance(modalities, (list, tuple)) and "audio" in modalities:
        return "speech"
    wanted = fields.get("response_format")
    kind = wanted.get("type") if isinstance(wanted, Mapping) else None
    if kind in ("json_object", "json_schema"):
        return "json"
    return "text" if kind == "text" else None

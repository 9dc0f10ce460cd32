"""Calls whose arguments were checked, as what stands between clients and models sees them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic_core import from_json, to_json

from LLM.answer import Answer
from LLM.codec import encode_body
from LLM.exceptions import LLMResponseError
from LLM.wire import WireRequest, in_process

if TYPE_CHECKING:
    from local_llm_kit.backends import JSONObject
    from local_llm_kit.calls import Call
    from local_llm_kit.stopping import Stop

ResponseT = TypeVar("ResponseT")

# A scheme of no network, so that no address of one is taken for it.
_URL = "local:/v1"


@dataclass(frozen=True, slots=True)
class CheckedCall(Generic[ResponseT]):
    """A call whose arguments were checked; no model has been looked for.

    :param prepare: finds the model and makes the call ready; raises what the model does not take.
        Its `Stop` ends what is computed for that, such as a summary.
    :param request: the call as OpenAI's API has it.
    :param read: makes the whole answer's dict the caller's object.
    :param finish: as in `Call`.
    """

    prepare: Callable[[Stop], Call[ResponseT]]
    request: Callable[[], WireRequest]
    read: Callable[[JSONObject], ResponseT]
    finish: Callable[[Any], None] | None = None


class Counted(Protocol):
    """What an assembler asks an answer that grows."""

    @property
    def done(self) -> bool:
        """Whether every choice has ended."""
        ...

    def usage(self) -> JSONObject:
        """Token counts so far."""
        ...


def local_request(path: str, fields: Mapping[str, Any], timeout_s: float | None) -> WireRequest:
    """What a model in this process is asked.

    :param path: of OpenAI's API, below its version.
    :param fields: those of that API; none that is None is told.
    :param timeout_s: None waits for ever.
    """
    url, body = f"{_URL}/{path}", encode_body(fields)
    return WireRequest("POST", url, {}, body, math.inf if timeout_s is None else timeout_s)


def looked_up(request: WireRequest, compute: Callable[[], Any]) -> Any:
    """What the layers, or else `compute`, say to a request: a JSON value."""
    answer = in_process.call(request, lambda: Answer(200, {}, to_json(compute())))
    try:
        return from_json(answer.body)
    except ValueError:
        raise unreadable(answer.status) from None


def unreadable(status: int) -> LLMResponseError:
    """The error for what no model in this process answers."""
    return LLMResponseError(
        "what stands for a model in this process gave no answer of its kind; record the cassette "
        "anew",
        status_code=status,
    )

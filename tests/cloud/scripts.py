"""What a provider answers to one call, and what every client must make of it.

A provider's folder lists its `Script`s; the parity test plays each to both twins, plain and
streamed, cut at several sizes, and the comparison with the official SDKs plays them to those.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from LLM.exceptions import LLMError


@dataclass(frozen=True)
class Script:
    """One answer of a provider, in its documented wire form.

    :param plain: JSON body of the answer given whole, or its bytes; None where only streams answer
        so.
    :param stream: bytes of the streamed answer; None where only whole answers do so. With a
        `status` that says no, a streamed call gets `plain`.
    :param expected: fields of the `ChatResponse` that both must come to (a subset of its fields;
        `tool_calls` as ``(name, arguments)``, arguments that are no JSON object as their text).
    :param error: class of the error that both must end with; `expected` then has its fields.
    :param status: HTTP status of both answers.
    :param headers: further headers of both answers.
    :param call: further arguments of `chat`.
    :param sdk: whether the provider's official SDK can read it, and must come to the same.
    """

    name: str
    plain: Any = None
    stream: bytes | None = None
    expected: dict[str, Any] = field(default_factory=dict)
    error: type[LLMError] | None = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    call: dict[str, Any] = field(default_factory=dict)
    sdk: bool = True

    @property
    def is_streamed(self) -> bool:
        """Whether it says how a streamed call is answered."""
        return self.stream is not None or not 200 <= self.status < 300

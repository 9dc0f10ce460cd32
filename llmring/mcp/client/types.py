"""What a server says of itself and offers, in shapes that need no SDK."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

#: Answers a request of the server: its parameters, and the result, in the protocol's words; None
#: refuses. It runs in the event loop in which the connection was made.
Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any] | None]]


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """How a server names itself.

    :param protocol: the version of the protocol that both sides speak.
    """

    name: str
    version: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, and how much to take.

    :param connect_s: seconds for starting or reaching a server, and its first answer.
    :param call_s: seconds for any later request, its progress included.
    :param text_bytes: most text of one result, in bytes of UTF-8; what is more is cut, and the
        text says so.
    :param data_bytes: most images, audio and files of one result, in bytes; one that does not fit
        is left out, and the text says so.
    """

    connect_s: float = 30.0
    call_s: float = 60.0
    text_bytes: int = 2**20
    data_bytes: int = 2**24


@dataclass(frozen=True, slots=True)
class Callbacks:
    """What a server may ask of us; what is None is refused.

    :param sampling: answers with a model's text (``sampling/createMessage``).
    :param elicitation: asks the user (``elicitation/create``).
    :param roots: the ``file://`` addresses of the folders that a server should work in.
    """

    sampling: Answer | None = None
    elicitation: Answer | None = None
    roots: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """Something that can be read.

    :param size_bytes: its size where the server tells it.
    """

    uri: str
    name: str
    description: str = ""
    mime_type: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ResourceTemplate:
    """Resources whose addresses have gaps to fill. Source: RFC 6570."""

    uri_template: str
    name: str
    description: str = ""
    mime_type: str | None = None


@dataclass(frozen=True, slots=True)
class ResourceContents:
    """What a resource holds: a text, or bytes.

    :param text: None for bytes. Longer than `Limits.text_bytes`, it is cut, and says so.
    :param data: None for a text.
    """

    uri: str
    mime_type: str | None = None
    text: str | None = None
    data: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class PromptArgument:
    """A gap in a prompt."""

    name: str
    description: str = ""
    required: bool = False


@dataclass(frozen=True, slots=True)
class Prompt:
    """A conversation's start that the server has ready."""

    name: str
    description: str = ""
    arguments: tuple[PromptArgument, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolChange:
    """How a tool differs from what was approved.

    :param tool: its name at the server.
    :param kind: ``added`` and ``changed`` tools are withheld until they are approved; ``removed``
        ones are only told of.
    :param description: what it says of itself now; empty for a removed one.
    :param approved: what it said when it was approved; empty for an added one. With the same
        description, it is the arguments, the result or the hints that have changed.
    :param digest: of all that the tool is now, so that nothing else is approved in its place.
    """

    tool: str
    kind: Literal["added", "changed", "removed"]
    description: str = ""
    approved: str = ""
    digest: str = field(default="", compare=False, repr=False)


#: Decides about a change: whether the tool is approved as it is now.
OnChange = Callable[[ToolChange], bool | Awaitable[bool]]

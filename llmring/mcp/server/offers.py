"""What an MCP server of ours offers, in shapes that need no SDK."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llmring.mcp.tools import Tool


@dataclass(frozen=True, slots=True)
class OfferedResource:
    """Something that clients can read.

    :param uri: its address, such as ``llmring://lockfile``.
    :param read: gives its text; it runs in a thread, and may raise `LLMRingError`.
    """

    uri: str
    name: str
    description: str
    mime_type: str
    read: Callable[[], str]


@dataclass(frozen=True, slots=True)
class OfferedPrompt:
    """A text that clients can begin a conversation with."""

    name: str
    description: str
    text: str


@dataclass(frozen=True, slots=True)
class Offer:
    """All that a server offers.

    :param name: the server's name.
    :param tools: names must differ.
    :param instructions: how to use it, for models.
    :param resources: gives the resources there are now; it runs in a thread, and may raise
        `LLMRingError`.
    """

    name: str
    tools: Sequence[Tool]
    instructions: str = ""
    resources: Callable[[], Sequence[OfferedResource]] = tuple
    prompts: Sequence[OfferedPrompt] = ()

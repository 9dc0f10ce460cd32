"""The blocking client of Anthropic's Messages API."""

from __future__ import annotations

from cloud.llm.anthropic.provider import Anthropic
from cloud.llm.client import ChatClient


class AnthropicClient(Anthropic, ChatClient):
    """A blocking client of Anthropic, or of any server that speaks its Messages API.

    ``/v1`` is added to a `base_url` whose path names no version. Features in beta are asked for by
    the header ``anthropic-beta``, another version of the API by ``anthropic-version``: both are
    given as `headers`.
    """

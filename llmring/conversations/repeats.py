"""Which messages of a request a conversation holds already.

Who talks on sends the conversation so far, or its end, and then what is new. The messages are told
by digests of what they say, so that neither side has to be read. Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from typing import NamedTuple

from llmring.conversations.types import NewMessage
from llmring.messages import INSTRUCTING


def digest(message: NewMessage) -> bytes:
    """16 bytes that tell what a message says; not when, nor what it cost."""
    content = [message.content] if isinstance(message.content, dict) else message.content
    said = [message.role, content or None, message.tool_calls or None, message.tool_call_id]
    text = json.dumps(said, sort_keys=True)  # plain ASCII, whatever the text holds
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


class Told(NamedTuple):
    """A message beside its digest."""

    message: NewMessage
    digest: bytes

    @property
    def instructs(self) -> bool:
        """Whether it is none of the talk itself."""
        # A request repeats them at its head, whatever part of the talk it has.
        return self.message.role in INSTRUCTING


def told(message: NewMessage) -> Told:
    """A message beside its digest.

    :raises TypeError: (or ValueError, RecursionError) it cannot be written as JSON.
    """
    return Told(message, digest(message))


def system_digest(prompt: str) -> bytes:
    """The digest of a system message with this text."""
    return digest(NewMessage(role="system", content=prompt))


def new_ones(
    messages: Sequence[Told], instructions: Collection[bytes], latest: Sequence[bytes]
) -> list[Told]:
    """The messages that a conversation does not hold yet.

    Instructions are known wherever they stand. Of the rest, the longest beginning with which the
    conversation ends is known; if there is none, all of it is new.

    :param instructions: digests of the instructions that it holds.
    :param latest: digests of its last other messages, in order; as many as `messages` will do.
    """
    talk = [one.digest for one in messages if not one.instructs]
    n_known = _overlap(list(latest), talk)
    left: list[Told] = []
    for one in messages:
        if one.instructs:
            if one.digest not in instructions:
                left.append(one)
        elif n_known:
            n_known -= 1
        else:
            left.append(one)
    return left


def _overlap(end: list[bytes], beginning: list[bytes]) -> int:
    """Length of the longest end of the one that is a beginning of the other."""
    for length in range(min(len(end), len(beginning)), 0, -1):
        # Most lengths are ruled out by one comparison.
        if end[-1] == beginning[length - 1] and end[-length:] == beginning[:length]:
            return length
    return 0

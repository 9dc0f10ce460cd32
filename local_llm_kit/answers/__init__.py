"""Answers in OpenAI's shape, as plain dicts: once for chunks, once for whole answers.

An `Answer` is fed an engine's events. It gives the chunks of a stream, and at the end the whole
answer, made from the same parts, so that the two agree. The client turns the dicts into objects,
the server into JSON. Keys that OpenAI's schema requires are there even where they are null.
"""

from local_llm_kit.answers.base import Answer, Choice
from local_llm_kit.answers.chat import ChatAnswer
from local_llm_kit.answers.completion import CompletionAnswer, Echo

__all__ = ["Answer", "ChatAnswer", "Choice", "CompletionAnswer", "Echo"]

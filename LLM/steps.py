"""Work that waits for answers without knowing how they are had.

A generator yields each question, is sent its answer, and returns its result. So a computation that
needs a model in its middle is written once, and blocking or asynchronous callers drive it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

QuestionT = TypeVar("QuestionT")
AnswerT = TypeVar("AnswerT")
ResultT = TypeVar("ResultT")
OuterT = TypeVar("OuterT")
OuterAnswerT = TypeVar("OuterAnswerT")


def run_steps(
    steps: Generator[QuestionT, AnswerT, ResultT], answer: Callable[[QuestionT], AnswerT]
) -> ResultT:
    """Drive `steps` to their end. :return: their result."""
    # The first send starts the generator and must be None.
    reply: Any = None
    while True:
        # The answer is had outside of the try: a StopIteration from there is no end of the steps.
        try:
            question = steps.send(reply)
        except StopIteration as end:
            result: ResultT = end.value
            return result
        reply = answer(question)


async def run_steps_async(
    steps: Generator[QuestionT, AnswerT, ResultT],
    answer: Callable[[QuestionT], Awaitable[AnswerT]],
) -> ResultT:
    """Drive `steps` to their end, awaiting each answer. :return: their result."""
    reply: Any = None
    while True:
        try:
            question = steps.send(reply)
        except StopIteration as end:
            result: ResultT = end.value
            return result
        reply = await answer(question)


def nested_steps(
    steps: Generator[QuestionT, AnswerT, ResultT],
    answer: Callable[[QuestionT], Generator[OuterT, OuterAnswerT, AnswerT]],
) -> Generator[OuterT, OuterAnswerT, ResultT]:
    """Steps that answer the questions of `steps` by steps of their own. :return: their result."""
    reply: Any = None
    while True:
        try:
            question = steps.send(reply)
        except StopIteration as end:
            result: ResultT = end.value
            return result
        reply = yield from answer(question)

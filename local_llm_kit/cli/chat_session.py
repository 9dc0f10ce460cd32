"""A chat in the terminal: a model, a conversation, and where both go."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Self

from LLM.exceptions import LLMError
from local_llm_kit.cli import conversation
from local_llm_kit.cli.answerer import Answerer
from local_llm_kit.cli.conversation import Archive, Conversation
from local_llm_kit.cli.pace import Pace
from local_llm_kit.cli.prompt import user_message
from local_llm_kit.cli.terminal import Output, note

#: Opens a model by its name; None means the one of the command's options.
OpenModel = Callable[[str | None], AbstractContextManager[Answerer]]


class Session:
    """A chat; use it in a ``with`` block, which loads the model.

    :param open_model: opens the model that answers.
    :param check_model: finds a model, or raises `LLMError`.
    :param talk: what was said before.
    :param arguments: of each call: temperature and so on.
    :param path: where the conversation is kept after each answer; None keeps it nowhere.
    """

    def __init__(
        self,
        open_model: OpenModel,
        check_model: Callable[[str], None],
        talk: Conversation,
        arguments: dict[str, Any],
        path: Path | None = None,
    ) -> None:
        self.talk = talk
        self.arguments = arguments
        self.path = path
        #: Data URLs of images that go with the next question.
        self.images: list[str] = []
        #: Tokens of the last prompt and its answer, as the model counted them.
        self.n_tokens: int | None = None
        self.out = Output(sys.stdout)
        self._open_model = open_model
        self._check_model = check_model
        self._asked = talk.model  # a path says more than the name of what was found there
        self._stack = ExitStack()
        self._question: dict[str, Any] | None = None

    def __enter__(self) -> Self:
        self._open()
        return self

    def _open(self) -> None:
        self._answerer = self._stack.enter_context(self._open_model(self._asked))
        self.talk.model = self._asked or self._answerer.name

    def __exit__(self, *exc_info: object) -> None:
        self._stack.close()

    @property
    def answerer(self) -> Answerer:
        """The model that answers."""
        return self._answerer

    def switch(self, name: str) -> None:
        """Answer with another model from here on.

        :raises LLMError: it cannot be had; the one before answers on.
        """
        self._check_model(name)
        before, self._asked = self._asked, name
        self._stack.close()  # first: both might not fit into the memory
        try:
            self._open()
        except (LLMError, KeyboardInterrupt):
            self._asked = before
            self._open()
            raise

    def ask(self, text: str) -> None:
        """Answer a question on standard output, and keep both; Ctrl-C stops the answer.

        :raises LLMError: nothing was answered; the question is taken back.
        """
        self._answer(user_message(text, self.images))
        self.images = []
        self.save()

    def retry(self) -> bool:
        """Answer the last question anew; False where there is none."""
        question = self.talk.undo() or self._question
        if question is None:
            return False
        self._answer(question)
        self.save()
        return True

    def undo(self) -> bool:
        """Take the last question back; False where there is none."""
        question = self.talk.undo()
        self.save()
        return question is not None

    def reset(self) -> None:
        """Forget what was said, but for the system message; what is kept of it stays kept."""
        self.begin(Conversation(system=self.talk.system))

    def begin(self, talk: Conversation) -> None:
        """Go on with another conversation; the model that answers stays."""
        self.talk = talk
        talk.model = self._asked or self._answerer.name
        if self.path is not None:
            self.path = Archive(self.path.parent).new_path()
        self._question = None
        self.n_tokens = None

    def save(self) -> None:
        """Keep the conversation, where it is kept at all."""
        if self.path is not None and (self.talk.turns or self.path.exists()):
            conversation.save(self.talk, self.path)

    def _answer(self, question: dict[str, Any]) -> None:
        self._question = question
        self.talk.turns.append(question)
        try:
            answer = self._stream()
        except BaseException:
            self.talk.turns.pop()
            raise
        if answer:
            self.talk.turns.append({"role": "assistant", "content": answer})
        else:
            self.talk.turns.pop()
            note("(nothing was answered; /retry asks again)")

    def _stream(self) -> str:
        """Write an answer as it is made; its text."""
        pace, answer = Pace(), ""
        try:
            with self._answerer.stream(self.talk.messages(), self.arguments) as stream:
                for is_thought, text in pace.pieces(stream):
                    (self.out.write_dimly if is_thought else self.out.write)(text)
                    answer += "" if is_thought else text
                self.out.end_line()
                self._tell(pace, stream.response.choices[0].finish_reason, stream.overflow)
        except KeyboardInterrupt:
            self.out.end_line()
            note("(stopped)")
        except LLMError:
            self.out.end_line()
            raise
        return answer

    def _tell(self, pace: Pace, finish_reason: str | None, overflow: Any) -> None:
        """Tell what the answer itself does not: on standard error, faintly."""
        if pace.n_tokens is not None:
            self.n_tokens = pace.n_prompt + pace.n_tokens
        if overflow is not None:
            note(f"(the {overflow.n_messages} oldest messages no longer fit and were left out)")
        if finish_reason == "length":
            note("(cut at its length; see /set max_tokens and /tokens)")
        if sys.stdout.isatty() and str(pace):
            note(f"({pace})")

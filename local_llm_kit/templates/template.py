"""Chat templates, compiled and rendered."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

from jinja2 import TemplateError

from LLM.exceptions import InvalidRequestError
from local_llm_kit.templates import bounds
from local_llm_kit.templates.bounds import MAX_OUTPUT_CHARS, TemplateRefusal, TooMuch
from local_llm_kit.templates.environment import BoundedEnvironment

#: Lines of the compiled template that may run; a chat of 1,000 turns takes some 40,000.
MAX_STEPS = 2_000_000
#: Seconds that they may take; single operations are short by their bounds.
MAX_SECONDS = 5.0
MAX_SOURCE_CHARS = 1_000_000


class _Steps:
    """Counts the lines that run in one compiled template, through `sys.settrace`.

    The count gives the same verdict every time; the clock is for lines that are slow each.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._left = limit
        self._deadline = time.monotonic() + seconds
        self._before: Any = None

    def __enter__(self) -> None:
        bounds.begin()
        self._before = sys.gettrace()
        sys.settrace(self._call)

    def __exit__(self, *exc_info: object) -> None:
        sys.settrace(self._before)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        code: CodeType = frame.f_code
        self._count()  # a filter can call a function for each of many items on one line
        return self._line if code.co_filename == _FILENAME else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._count()
        return self._line

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0 or time.monotonic() > self._deadline:
            raise TooMuch("more steps than a template may take")


_FILENAME = "<chat template>"


class ChatTemplate:
    """A compiled chat template.

    :param source: Jinja source.
    :param bos_token: text that the template knows as `bos_token`.
    :param eos_token: text that it knows as `eos_token`.
    :raises InvalidRequestError: it cannot be compiled.
    """

    def __init__(self, source: str, *, bos_token: str = "", eos_token: str = "") -> None:
        environment = BoundedEnvironment()
        if len(source) > MAX_SOURCE_CHARS:
            raise _unusable(f"it has {len(source):,} characters")
        try:
            code = environment.compile(source, filename=_FILENAME)
            self._template = environment.template_class.from_code(
                environment, code, environment.make_globals(None)
            )
        except (TemplateError, RecursionError, SyntaxError, MemoryError, ValueError) as err:
            raise _unusable(f"{type(err).__name__}: {err}") from err
        self._tokens = {"bos_token": bos_token, "eos_token": eos_token}

    def render(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] | None
    ) -> str:
        """The prompt for `messages`, up to where the assistant's answer begins.

        :param messages: plain dicts with `role` and `content`.
        :param tools: tools in OpenAI's nested form; None when there are none.
        :raises InvalidRequestError: the template refuses the messages, fails, or passes a bound.
        """
        values = {
            "messages": messages,
            "tools": tools,
            "add_generation_prompt": True,
            **self._tokens,
        }
        pieces: list[str] = []
        size = 0
        try:
            with _Steps(MAX_STEPS, MAX_SECONDS):
                for piece in self._template.generate(values):
                    size += len(piece)
                    if size > MAX_OUTPUT_CHARS:
                        raise TooMuch(f"a prompt of more than {MAX_OUTPUT_CHARS:,} characters")
                    pieces.append(piece)
                text = "".join(pieces)
                text.encode()  # a template can spell half of a surrogate pair
                return text
        except TemplateRefusal as err:
            raise InvalidRequestError(
                f"the model's chat template refuses these messages: {err}", status_code=400
            ) from None
        except TooMuch as err:
            raise _unusable(f"it makes {err}") from None
        except Exception as err:  # a template can raise anything that an expression can
            raise _unusable(f"{type(err).__name__}: {str(err)[:300]}") from err


def _unusable(reason: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the model's chat template cannot be used with this request: {reason}",
        status_code=400,
        code="chat_template_error",
    )


#: For models without a template of their own: the markup that most small models know.
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' ~ m.role ~ '\\n' ~ (m.content or '') "
    "~ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}"
    "{{ '<|im_start|>assistant\\n' }}{% endif %}"
)

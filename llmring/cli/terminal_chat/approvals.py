"""Whether a tool may run: the user is asked."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local_llm_kit.cli.terminal import printable_line

if TYPE_CHECKING:
    from llmring.mcp.client.events import ToolUse

#: Most characters of a call's arguments that are shown to whoever is asked.
_MOST_SHOWN = 4000

#: Asks a question with the given answers; None where there is nobody to ask.
Ask = Callable[[str, tuple[str, ...]], str | None]


@dataclass(frozen=True, slots=True)
class Request:
    """A call that waits for a yes or a no.

    :param decision: where the answer goes; it is waited for in the loop.
    """

    call: ToolUse
    decision: concurrent.futures.Future[bool] = field(default_factory=concurrent.futures.Future)

    def decide(self, is_allowed: bool) -> None:
        """Give the answer; nobody may wait for it any more."""
        with contextlib.suppress(concurrent.futures.InvalidStateError):
            self.decision.set_result(is_allowed)


def all_are_asked(_: ToolUse) -> bool:
    """Ask about every call."""
    return True


class Approvals:
    """The tools that may run, as the user says.

    :param ask: asks the user.
    :param all_allowed: nobody is asked.
    :param is_asked: whether a call is asked about at all.
    """

    def __init__(
        self,
        ask: Ask,
        *,
        all_allowed: bool = False,
        is_asked: Callable[[ToolUse], bool] = all_are_asked,
    ) -> None:
        self.ask = ask
        self._all_allowed = all_allowed
        self._is_asked = is_asked
        self._always: set[tuple[str, str]] = set()

    def allows(self, call: ToolUse) -> bool | None:
        """Whether a call may run; asks where that is not settled. None where nobody can say."""
        key = (call.tool.source if call.tool else "", call.name)
        if self._all_allowed or key in self._always or not self._is_asked(call):
            return True
        answer = self.ask(f"run {call.name}({arguments_text(call)})?", ("y", "n", "always"))
        if answer == "always":
            self._always.add(key)
        return None if answer is None else answer != "n"


def arguments_text(call: ToolUse) -> str:
    """All arguments of a call, for whoever has to allow it."""
    shown = printable_line(
        ", ".join(
            f"{name}={json.dumps(value, ensure_ascii=False)}"
            for name, value in call.arguments.items()
        )
    )
    further = len(shown) - _MOST_SHOWN
    return shown if further <= 0 else f"{shown[:_MOST_SHOWN]}… and {further:,} characters more"

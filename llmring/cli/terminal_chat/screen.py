"""What a turn looks like: answers on standard output, what tools do beside it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from llmring.cli.notes import failure_note
from llmring.conversations.contents import shown_text
from llmring.mcp.client.events import Event, ToolEnded, ToolProgress, ToolStarted
from llmring.schemas import StreamChunk
from local_llm_kit.cli.terminal import Output, note, printable_line

if TYPE_CHECKING:
    from llmring.mcp.client.events import ToolUse
    from llmring.mcp.client.turn import Turn
    from llmring.mcp.tools import Progress, ToolResult

#: Characters of a line where no terminal says how many it has.
_WIDTH = 120


class Screen:
    """Shows the events of turns. What a model or a tool says is text there, and steers nothing."""

    def __init__(self) -> None:
        self.out = Output(sys.stdout)
        self._is_live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._progress = False

    def show(self, event: Event) -> None:
        """Show the next event of a turn."""
        if isinstance(event, StreamChunk):
            self._show_piece(event)
        elif isinstance(event, ToolProgress):
            self._show_progress(f"  {event.call.name}: {_progress_text(event.progress)}")
        elif isinstance(event, ToolStarted):
            self.tell(f"→ {call_line(event.call)}")
        elif isinstance(event, ToolEnded):
            self.tell(f"← {event.call.name} {result_line(event.result, event.elapsed_s)}")
        else:
            self._end(event.turn)

    def end_line(self) -> None:
        """Begin a new line, and wipe what is there only while a tool runs."""
        if self._progress:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._progress = False
        self.out.end_line()

    def tell(self, text: str) -> None:
        """A line beside the answer, cut to the terminal's width."""
        self.end_line()
        note(fit(text, _columns()))

    def _show_piece(self, chunk: StreamChunk) -> None:
        if chunk.delta or chunk.reasoning:
            if self._progress:
                self.end_line()
            self.out.write_dimly(chunk.reasoning or "")
            self.out.write(chunk.delta)

    def _show_progress(self, text: str) -> None:
        """A line that the next one takes the place of; nothing in a pipe."""
        if not self._is_live:
            return
        if not self._progress:
            self.out.end_line()
        # One column is left free: a full line would wrap, and could not be wiped.
        click.echo("\r" + fit(text, _columns() - 1) + "\x1b[K", nl=False, err=True, color=True)
        self._progress = True

    def _end(self, turn: Turn) -> None:
        self.end_line()
        told = {failure_note(one.attempts) for one in turn.rounds}
        for text in sorted(filter(None, told)):
            note(text)
        if not turn.content:
            note("(the model answered with no text)")
        if turn.finish_reason == "length":
            note("(cut at its length)")
        if turn.round_limit_reached:
            note("(it wanted to go on calling tools, and was asked to answer; say 'go on')")


def call_line(call: ToolUse) -> str:
    """A call, its arguments shortened."""
    shown = (f"{name}={_short(value)}" for name, value in call.arguments.items())
    return f"{call.name}({', '.join(shown)})"


def result_line(result: ToolResult, elapsed_s: float) -> str:
    """How long a call took, and the first line of what came of it."""
    failed = "failed after " if result.is_error else ""
    return f"{failed}{elapsed_s:.2f} s: {first_line(shown_text(result.content), '(nothing)')}"


def first_line(text: str, otherwise: str = "") -> str:
    """The first line that is not blank; `otherwise` where there is none."""
    return next((line for line in text.splitlines() if line.strip()), otherwise)


def fit(text: str, width: int) -> str:
    """A text as one line of at most `width` columns that cannot steer a terminal."""
    from rich.cells import cell_len, set_cell_size

    line = printable_line(text)
    return line if cell_len(line) <= width else set_cell_size(line, max(width - 1, 1)) + "…"


def _columns() -> int:
    return shutil.get_terminal_size((_WIDTH, 24)).columns if sys.stderr.isatty() else _WIDTH


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else text[:39] + "…"


def _progress_text(progress: Progress) -> str:
    done, total, message = progress
    share = f"{done:g}" if total is None else f"{done:g} of {total:g}"
    return f"{share} {message}".rstrip()

"""The span of a ring's call: which alias was asked, which models were tried, what came of it.

It lies around the spans of the clients, one for each try; they tell of tokens and of time, and so
nothing is counted twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from LLM import telemetry
from LLM.telemetry import names

if TYPE_CHECKING:
    from LLM.telemetry.recorder import Recorder
    from LLM.telemetry.work_span import Work
    from llmring.caller import Job
    from llmring.mcp.client.events import ToolUse
    from llmring.mcp.tools import Tool, ToolResult

#: Most characters of a tool's description.
_MAX_DESCRIPTION_CHARS = 1024
#: Of a tool that says itself that it failed.
_TOOL_FAILED = "tool_error"


class CallTrace:
    """The span of one call of a ring; nothing where nothing is recorded.

    :param alias: what was asked, an alias or a model.
    """

    def __init__(self, job: Job, alias: str) -> None:
        self._job = job
        self._work: Work | None = None
        if (recorder := telemetry.current) is not None:
            # A name may come from a stranger, and each makes a span of its own.
            attributes = {names.RING_ALIAS: alias[:200], names.RING_PROFILE: job.profile}
            self._work = recorder.work(f"ring {alias[:200]}", attributes)

    def during(self) -> contextlib.AbstractContextManager[None]:
        """The block's calls belong to it."""
        return contextlib.nullcontext() if self._work is None else self._work.during()

    def end(self, outcome: str, error: BaseException | None = None) -> None:
        """End the span. Repeatable; safe in a destructor.

        :param outcome: ``answered``, ``failed``, or ``left`` for a stream that nobody read on.
        """
        work, self._work = self._work, None
        if work is None:
            return
        told = self._job.attempts.told
        answered = [one["model"] for one in told if one["outcome"] == "answered"]
        work.tell(
            {
                names.RING_OUTCOME: outcome,
                names.RING_MODEL: answered[-1] if answered else None,
                names.RING_MODELS_TRIED: [
                    one["model"] for one in told if one["outcome"] in ("answered", "failed")
                ],
            }
        )
        work.end(error)


@contextlib.contextmanager
def in_conversation(id: Any) -> Iterator[None]:
    """Calls within the block belong to a kept conversation."""
    recorder = telemetry.current
    with contextlib.nullcontext() if recorder is None else recorder.conversation(str(id)):
        yield


class ToolTrace:
    """The span of one call of a tool, as a context manager; nothing where nothing is recorded."""

    def __init__(self, call: ToolUse, tool: Tool) -> None:
        self._recorder: Recorder | None = telemetry.current
        self._work: Work | None = None
        if self._recorder is None:
            return
        attributes: dict[str, Any] = {
            names.OPERATION_NAME: names.EXECUTE_TOOL,
            names.TOOL_NAME: call.name,
            names.TOOL_TYPE: "function",
            names.TOOL_CALL_ID: call.id or None,
            names.TOOL_DESCRIPTION: tool.description[:_MAX_DESCRIPTION_CHARS] or None,
        }
        if self._recorder.captures_content:
            attributes[names.TOOL_CALL_ARGUMENTS] = self._recorder.text(call.arguments)
        self._work = self._recorder.work(f"{names.EXECUTE_TOOL} {call.name}", attributes)

    def __enter__(self) -> ToolTrace:
        if self._work is not None:
            self._work.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: object) -> None:
        if self._work is not None:
            self._work.__exit__(kind, error, trace)

    def gave(self, result: ToolResult) -> ToolResult:
        """Tell what the tool gave. :return: `result`."""
        if self._work is None or self._recorder is None:
            return result
        if self._recorder.captures_content:
            self._work.tell({names.TOOL_CALL_RESULT: self._recorder.text(result.content)})
        if result.is_error:
            self._work.failed({names.ERROR_TYPE: _TOOL_FAILED})
        return result

"""The calls of tools that a model makes in one round.

Whatever goes wrong with a call is told to the model, which may do better: an unknown tool,
arguments that do not fit, a refusal, a timeout, an error.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloud.llm.types import ToolCall
from LLM.exceptions import InvalidRequestError, LLMError, LLMResponseError
from llmring.mcp.client.events import ToolEnded, ToolProgress, ToolStarted, ToolUse
from llmring.mcp.client.telling import MAX_RESULT_CHARS, bounded, checked
from llmring.mcp.tools import Progress, Tool, ToolResult
from llmring.structured.arguments import argument_check
from llmring.tracing import ToolTrace

_logger = logging.getLogger("llmring.tools")

#: Is asked before a call runs; False, and the model is told that the user does not want it.
Approve = Callable[[ToolUse], bool | Awaitable[bool]]
ToolEvent = ToolStarted | ToolProgress | ToolEnded

#: Calls that run at the same time, and most calls of one round.
MAX_AT_ONCE, MAX_CALLS = 8, 64
#: Events that may wait for who reads them; then news of progress are dropped.
_MAX_WAITING = 1000
#: Most characters of an error that the model is told.
_MAX_ERROR_CHARS = 2000


@dataclass(frozen=True, slots=True)
class CallSettings:
    """How calls are made.

    :param approve: None approves all.
    :param timeout_s: seconds that a call may take; None for no bound.
    :param max_result_chars: most text of a result that the model is told.
    """

    approve: Approve | None = None
    timeout_s: float | None = 60.0
    max_result_chars: int = MAX_RESULT_CHARS


class RoundOfCalls:
    """The calls of one answer; iterate `events`, then read `results`.

    :param asked: the answer's `tool_calls`, as OpenAI has them.
    :param tools: those there are, by name.
    :param round: from 1.
    """

    def __init__(
        self,
        asked: Sequence[Mapping[str, Any]],
        tools: Mapping[str, Tool],
        settings: CallSettings,
        round: int,
    ) -> None:
        self._settings = settings
        self._ready: list[tuple[ToolUse, Tool]] = []
        self._refused: list[tuple[ToolUse, str]] = []
        self._tools = tools
        self._results: dict[int, ToolResult] = {}
        self._events: asyncio.Queue[ToolEvent | asyncio.Task[None]] = asyncio.Queue()
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)
        for position, one in enumerate(asked):
            self._add(ToolCall.from_openai(one), round, position)

    @property
    def results(self) -> list[ToolResult]:
        """The results, in the order of the calls."""
        return [self._results[position] for position in sorted(self._results)]

    async def events(self) -> AsyncGenerator[ToolEvent, None]:
        """Make the calls. Leaving the iteration ends those that still run."""
        for call, problem in self._refused:
            yield self._ended(call, ToolResult(problem, is_error=True))
        approved = []
        # One after the other, before any runs: a person is asked, perhaps at a terminal.
        for call, tool in self._ready:
            if await self._approves(call):
                approved.append((call, tool))
            else:
                refusal = "the user does not want this call; do not repeat it"
                yield self._ended(call, ToolResult(refusal, is_error=True))
        tasks = [asyncio.create_task(self._run(call, tool)) for call, tool in approved]
        for task in tasks:
            task.add_done_callback(self._events.put_nowait)
        try:
            n_left = len(tasks)
            while n_left:
                event = await self._events.get()
                if isinstance(event, asyncio.Task):
                    n_left -= 1
                    event.result()  # it raises nothing but what no call may keep, as SystemExit
                else:
                    yield event
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, asked: ToolCall, round: int, position: int) -> None:
        tool = self._tools.get(asked.name)
        arguments: dict[str, Any] = {}
        problem = ""
        try:
            arguments = asked.arguments
        except LLMResponseError:
            problem = "the arguments are no JSON object; write the call again, complete"
        call = ToolUse(asked.id, asked.name, arguments, tool, round, position)
        if tool is None:
            problem = _unknown(asked.name, self._tools)
        elif not problem and position >= MAX_CALLS:
            # Not checked any more: each check may take a second.
            problem = f"too many calls at once; make at most {MAX_CALLS}"
        elif not problem and (misfit := _misfit(tool, arguments)):
            problem = f"the arguments do not fit the tool's schema: {misfit}; mend them"
        if problem or tool is None:
            self._refused.append((call, problem))
        else:
            self._ready.append((call, tool))

    async def _approves(self, call: ToolUse) -> bool:
        if self._settings.approve is None:
            return True
        said = self._settings.approve(call)
        return bool(await said if inspect.isawaitable(said) else said)

    async def _run(self, call: ToolUse, tool: Tool) -> None:
        async with self._slots:
            began = time.monotonic()
            self._events.put_nowait(ToolStarted(call))
            result = await self._result(call, tool)
            self._events.put_nowait(self._ended(call, result, time.monotonic() - began))

    async def _result(self, call: ToolUse, tool: Tool) -> ToolResult:
        def tell(progress: Progress) -> None:
            if self._events.qsize() < _MAX_WAITING and call.position not in self._results:
                self._events.put_nowait(ToolProgress(call, progress))

        timeout_s = self._settings.timeout_s
        try:
            with ToolTrace(call, tool) as trace:
                async with asyncio.timeout(timeout_s) as deadline:
                    return trace.gave(checked(await tool.run(call.arguments, tell)))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Nobody cancelled the call: something within the tool did.
            problem = "the call was cancelled"
        except LLMError as err:
            problem = err.message
        except Exception as err:
            if isinstance(err, TimeoutError) and deadline.expired():
                problem = f"the call took longer than {timeout_s:g} s, and was ended"
            else:
                # The message may quote what the arguments hold; a log must not.
                _logger.warning("the tool %s failed: %s", call.name, type(err).__name__)
                _logger.debug("the tool %s failed", call.name, exc_info=err)
                problem = _words(err)
        return ToolResult(f"the call failed: {problem[:_MAX_ERROR_CHARS]}", is_error=True)

    def _ended(self, call: ToolUse, result: ToolResult, elapsed_s: float = 0.0) -> ToolEnded:
        told = bounded(result, self._settings.max_result_chars)
        self._results[call.position] = told
        return ToolEnded(call, told, elapsed_s)


def _words(error: Exception) -> str:
    """An error's name and message, if it can say one."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # noqa: BLE001  # its class is a stranger's
        return type(error).__name__


def _unknown(name: str, tools: Mapping[str, Tool]) -> str:
    known = ", ".join(list(tools)[:50]) or "none"
    return f"there is no tool {name[:100]!r}; there are: {known}"


def _misfit(tool: Tool, arguments: dict[str, Any]) -> str:
    try:
        check = argument_check(tool.parameters)
    except InvalidRequestError:
        # A server's schema in an older dialect, or with patterns that could take for ever. What
        # runs the tool checks its arguments, too.
        _logger.debug("the schema of the tool %s cannot be checked here", tool.name)
        return ""
    return check(arguments)

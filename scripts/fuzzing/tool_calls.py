"""Tool calls in a model's text: the pieces it comes in change nothing, and no text is lost."""

from __future__ import annotations

import json
from collections.abc import Iterable

from fuzzing.draw import pieces
from fuzzing.target import Target
from llmring.providers.ollama.tool_call_text import ToolCallText
from llmring.providers.ollama.tool_call_value import TextCall
from local_llm_kit.tools import MoreArguments, ParsedCall, ToolCallParser

Call = tuple[str, str]
NAMES = {"get_weather", "add"}


def check_local(data: bytes) -> None:
    """Calls as models in this process write them."""
    given = _texts(data)
    text = "".join(given)
    said, calls = _local(given)
    assert (said, calls) == _local([text])
    assert calls or said == text
    assert all(name for name, _ in calls)


def _local(given: Iterable[str]) -> tuple[str, list[Call]]:
    parser = ToolCallParser()
    found = [one for text in given for one in parser.feed(text)] + parser.flush()
    assert not any(isinstance(one, MoreArguments) for one in found), "free text has calls whole"
    calls = [(one.name, one.arguments) for one in found if isinstance(one, ParsedCall)]
    assert parser.n_calls == len(calls)
    return "".join(one for one in found if isinstance(one, str)), calls


def check_ollama(data: bytes) -> None:
    """Calls as models of Ollama that were told of tools in their prompt write them."""
    given = _texts(data)
    text = "".join(given)
    for parallel in (True, False):
        said, calls = _ollama(given, parallel)
        assert (said, calls) == _ollama([text], parallel)
        assert calls or said == text
        for name, arguments in calls:
            assert name in NAMES
            assert isinstance(json.loads(arguments), dict)
        assert parallel or len(calls) < 2


def _ollama(given: Iterable[str], parallel: bool) -> tuple[str, list[Call]]:
    parser = ToolCallText(NAMES, parallel=parallel)
    found = [one for text in given for one in parser.feed(text)] + parser.flush()
    calls = [(one.name, one.arguments) for one in found if isinstance(one, TextCall)]
    assert parser.n_calls == len(calls)
    return "".join(one for one in found if isinstance(one, str)), calls


def _texts(data: bytes) -> list[str]:
    """Text in pieces, as a stream of JSON has it: cut between characters."""
    _, cut = pieces(data)
    whole = b"".join(cut).decode("utf-8", "replace")
    size = max(1, len(cut[0]) if cut else 1)
    return [whole[at : at + size] for at in range(0, len(whole), size)]


_CALL = b'{"name": "add", "arguments": {"a": 1}}'
_SEEDS = (
    b"\0\0Hello!  \n",
    b"\2\0Let me see.\n<tool_call>\n" + _CALL + b"\n</tool_call>\n",
    b"\0\0<tool_call>" + _CALL + b"</tool_call> and <tool_call>" + _CALL,
    b"\4\0```json\n[" + _CALL + b", " + _CALL + b"]\n```",
    b'\0\0{"tool_calls": [{"id": "x", "type": "function", "function": ' + _CALL + b"}]}",
    b'\0\0{"name": "add", "arguments": "{\\"a\\": \\"}\\"}"}',
    b'\0\0<tool_call>{"name": "rm"}</tool_call><tool_c',
)
_WORDS = (
    b"<tool_call>", b"</tool_call>", b"```", b"```json\n", b"<tool", _CALL, b'{"name": "add"',
    b'"arguments": ', b'"parameters": ', b'{"tool_calls": [', b'"function": ', b"{", b"}", b"[",
    b"]", b'"', b"\\", b"\n", b" ", b"\\ud83d", b"NaN", "é".encode(),
)  # fmt: skip
TARGETS = {
    "local_calls": Target(check_local, _SEEDS, _WORDS),
    "ollama_calls": Target(check_ollama, _SEEDS, _WORDS),
}

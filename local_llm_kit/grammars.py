"""The grammar that an answer follows: what was asked for, written in Lark's form.

Text that is free but for its tool calls is two kinds of stretches: one that runs up to the next
``<tool_call>`` and is then held to a call, and a last one in which that tag does not come.
"""

from __future__ import annotations

import json
from typing import Literal, NamedTuple

from local_llm_kit.fields import unsupported
from local_llm_kit.output_format import OutputFormat
from local_llm_kit.tool_choice import CallableTool, ToolChoice
from local_llm_kit.tools import CLOSE, OPEN

#: Most calls of one answer: a weak model would go on calling until its tokens are spent.
MAX_CALLS = 32
#: How JSON is spaced: as `json.dumps` does it, which is what models have read most.
_SPACING = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


class Grammar(NamedTuple):
    """A grammar to compile.

    :ivar kind: ``lark``, or ``any`` for a caller's own in Lark's form or GBNF.
    :ivar param: the argument that it comes from, for errors.
    """

    kind: Literal["lark", "any"]
    text: str
    param: str


def grammar_of(output: OutputFormat, choice: ToolChoice) -> Grammar | None:
    """The grammar of an answer; None where it is free.

    :raises InvalidRequestError: a grammar of the caller's own and tools were asked for together.
    """
    if choice.mode == "none":
        return _plain(output)
    param = "functions" if choice.legacy else "tools"
    if choice.mode == "required":
        return Grammar("lark", f"start: {_several('call', choice)}\n{_calls(choice)}", param)
    if output.kind == "text":
        return Grammar("lark", _free_with_calls(choice), param)
    if output.kind == "grammar":
        raise unsupported(
            output.param,
            f"{output.param} gives a grammar, which cannot stand beside tools; put the calls into "
            "the grammar, or give a JSON schema or a regular expression",
        )
    text = f"start: answer | {_several('call', choice)}\nanswer: {_value(output)}\n{_calls(choice)}"
    return Grammar("lark", text, output.param)


def _plain(output: OutputFormat) -> Grammar | None:
    if output.kind == "text":
        return None
    if output.kind == "grammar":
        return Grammar("any", output.text, output.param)
    return Grammar("lark", f"start: {_value(output)}\n", output.param)


def _value(output: OutputFormat) -> str:
    if output.is_json:
        return _json(output.text)
    pattern = output.text.replace("/", "\\/")
    return f"/{pattern}/"


def _json(schema: str) -> str:
    return f'%json {{"x-guidance": {json.dumps(_SPACING)}, {schema[1:]}'


def _several(rule: str, choice: ToolChoice) -> str:
    return f"{rule} (/\\n?/ {rule}){{0,{MAX_CALLS - 1}}}" if choice.parallel else rule


def _free_with_calls(choice: ToolChoice) -> str:
    last = "free" if choice.parallel else "(free | opened inside)"
    calls = f"(opened inside){{0,{MAX_CALLS}}}" if choice.parallel else ""
    anything = "(?s:.*)"
    return (
        f"start: {calls} {last}\n"
        "free: FREE\n"
        f"FREE: /{anything}/ & ~/{anything}{OPEN}{anything}/\n"
        f"opened[suffix={json.dumps(OPEN)}]: /{anything}/\n"
        f"{_calls(choice)}"
    )


def _calls(choice: ToolChoice) -> str:
    """Rules of a call, `call` with its opening tag and `inside` without."""
    names = [f"call_{i}" for i in range(len(choice.callables))]
    rules = [
        f"call: {json.dumps(OPEN)} inside",
        f"inside: /\\n?/ ({' | '.join(names)}) /\\n?/ {json.dumps(CLOSE)}",
        *(_call(name, one) for name, one in zip(names, choice.callables, strict=True)),
    ]
    return "\n".join(rules) + "\n"


def _call(rule: str, one: CallableTool) -> str:
    begin = f'{{"name": {json.dumps(one.name, ensure_ascii=False)}, "arguments": '
    return f'{rule}: {json.dumps(begin, ensure_ascii=False)} {_json(one.schema)} "}}"'

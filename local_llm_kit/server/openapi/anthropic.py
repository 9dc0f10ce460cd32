"""Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import Mapping

from local_llm_kit.arguments import MAX_STOP_CHARS, MAX_STOPS
from local_llm_kit.fields import MAX_TOKENS
from local_llm_kit.messages import MAX_MESSAGES, MAX_TOOLS
from local_llm_kit.server.anthropic.request import HINTS
from local_llm_kit.server.openapi import fields
from local_llm_kit.server.openapi.operation import EVENTS, Operation
from local_llm_kit.server.openapi.schema import (
    OBJECT,
    TEXT,
    WHOLE,
    Schema,
    answer,
    any_of,
    described,
    integer,
    listed,
    nullable,
    one_of,
    ref,
    request,
    text,
)

_TURN = request(
    {"role": one_of("user", "assistant", "system"), "content": any_of(TEXT, listed(OBJECT))}, {}
)
_MESSAGES = listed(_TURN, 1, MAX_MESSAGES)
_PROMPT: Mapping[str, Schema] = {
    "cache_control": described(OBJECT, "Has no effect: the beginning of every prompt is cached"),
    "container": described(any_of(TEXT, OBJECT), "Has no effect"),
    "fallbacks": described(any_of(TEXT, listed({})), "Has no effect"),
    "model": fields.MODEL,
    "output_config": request(
        {}, {"effort": TEXT, "format": OBJECT, "task_budget": OBJECT}, open_=True
    ),
    "output_format": described(OBJECT, "The older name of output_config.format"),
    "system": any_of(TEXT, listed(OBJECT)),
    "thinking": request({"type": TEXT}, {}, open_=True),
    "tool_choice": request(
        {"type": one_of("auto", "any", "tool", "none")}, {"name": TEXT}, open_=True
    ),
    "tools": listed(request({"name": TEXT, "input_schema": OBJECT}, {}, open_=True), 0, MAX_TOOLS),
    **fields.hint_fields(HINTS),
}
MESSAGE = request(
    {"max_tokens": integer(0, MAX_TOKENS), "messages": _MESSAGES},
    {
        "stop_sequences": listed(text(1, MAX_STOP_CHARS), 0, MAX_STOPS),
        "stream": fields.STREAM,
        "temperature": fields.TEMPERATURE,
        "top_k": integer(0, MAX_TOKENS),
        "top_p": fields.TOP_P,
        **_PROMPT,
    },
)
COUNT = request({"messages": _MESSAGES}, _PROMPT)
SCHEMAS: Mapping[str, Schema] = {
    "Message": answer(
        {
            "id": TEXT,
            "type": one_of("message"),
            "role": one_of("assistant"),
            "model": TEXT,
            "content": listed(answer({"type": one_of("text", "tool_use", "thinking")})),
            "stop_reason": one_of(
                "end_turn",
                "max_tokens",
                "stop_sequence",
                "tool_use",
                "model_context_window_exceeded",
            ),
            "stop_sequence": nullable(TEXT),
            "usage": answer({"input_tokens": WHOLE, "output_tokens": WHOLE}),
        }
    )
}
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/v1/messages"): Operation(
        "Answer a conversation, in Anthropic's shape",
        ref("Message"),
        MESSAGE,
        EVENTS,
        answer({"type": TEXT}),
    ),
    ("POST", "/v1/messages/count_tokens"): Operation(
        "Count the tokens of a prompt", answer({"input_tokens": WHOLE}), COUNT
    ),
}

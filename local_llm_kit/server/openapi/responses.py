"""OpenAI's Responses API."""

from __future__ import annotations

from collections.abc import Mapping

from local_llm_kit.arguments import MAX_LOGPROBS
from local_llm_kit.fields import MAX_TOKENS
from local_llm_kit.messages import MAX_TOOLS
from local_llm_kit.server.openapi import fields
from local_llm_kit.server.openapi.operation import EVENTS, Operation
from local_llm_kit.server.openapi.schema import (
    FLAG,
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
from local_llm_kit.server.pages import MAX_PAGE
from local_llm_kit.server.responses.items import MAX_ID_CHARS, MAX_ITEMS
from local_llm_kit.server.responses.request import HINTS

RESPONSE = request(
    {},
    {
        "background": described(FLAG, "Make the response while nobody waits for it"),
        "include": listed(TEXT, 0, 64),
        "input": any_of(TEXT, listed(OBJECT, 0, MAX_ITEMS)),
        "instructions": TEXT,
        "max_output_tokens": integer(1, MAX_TOKENS),
        "max_tool_calls": integer(0, MAX_TOKENS),
        "metadata": fields.METADATA,
        "model": fields.MODEL,
        "parallel_tool_calls": FLAG,
        "previous_response_id": text(1, MAX_ID_CHARS),
        "store": described(FLAG, "Keep the response, which is the default"),
        "stream": fields.STREAM,
        "stream_options": request({}, {"include_obfuscation": FLAG}),
        "text": request({}, {"format": OBJECT, "verbosity": TEXT}),
        "tool_choice": fields.TOOL_CHOICE,
        "tools": listed(OBJECT, 0, MAX_TOOLS),
        "top_logprobs": integer(0, MAX_LOGPROBS),
        "truncation": one_of("auto", "disabled"),
        **fields.SAMPLING,
        **fields.hint_fields(HINTS),
    },
)
SCHEMAS: Mapping[str, Schema] = {
    "Response": answer(
        {
            "id": TEXT,
            "object": one_of("response"),
            "created_at": {"type": "number"},
            "status": one_of(
                "queued", "in_progress", "completed", "incomplete", "failed", "cancelled"
            ),
            "model": TEXT,
            "output": listed(OBJECT),
            "error": nullable(OBJECT),
            "incomplete_details": nullable(OBJECT),
            "usage": nullable(OBJECT),
        }
    )
}  # fmt: skip
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/v1/responses"): Operation(
        "Make a response",
        ref("Response"),
        RESPONSE,
        EVENTS,
        answer({"type": TEXT, "sequence_number": WHOLE}),
    ),
    ("POST", "/v1/responses/input_tokens"): Operation(
        "Count the tokens of a response's input",
        answer({"object": one_of("response.input_tokens"), "input_tokens": WHOLE}),
        RESPONSE,
    ),
    ("GET", "/v1/responses/{id}"): Operation(
        "Get a response that was kept", ref("Response"), query={"stream": one_of("true", "false")}
    ),
    ("DELETE", "/v1/responses/{id}"): Operation(
        "Forget it", answer({"id": TEXT, "object": one_of("response"), "deleted": FLAG})
    ),
    ("POST", "/v1/responses/{id}/cancel"): Operation(
        "Stop one that is made in the background", ref("Response")
    ),
    ("GET", "/v1/responses/{id}/input_items"): Operation(
        "List what it was made from",
        answer({"object": one_of("list"), "data": listed(OBJECT), "has_more": FLAG}),
        query={"limit": integer(1, MAX_PAGE), "order": one_of("asc", "desc"), "after": TEXT},
    ),
}

"""Fields that requests of several APIs share."""

from __future__ import annotations

from collections.abc import Mapping

from local_llm_kit.arguments import MAX_BIASES, MAX_CHOICES, MAX_STOP_CHARS, MAX_STOPS
from local_llm_kit.fields import MAX_TOKENS
from local_llm_kit.hints import MAX_HINT_CHARS, HintKind
from local_llm_kit.messages import MAX_MESSAGES, MAX_NAME_CHARS, MAX_TOOLS
from local_llm_kit.server.metadata import (
    MAX_METADATA,
    MAX_METADATA_CHARS,
    MAX_METADATA_KEY_CHARS,
)
from local_llm_kit.server.openapi.schema import (
    FLAG,
    OBJECT,
    TEXT,
    Schema,
    any_of,
    described,
    integer,
    listed,
    number,
    one_of,
    request,
    text,
)

_KINDS: Mapping[HintKind, Schema] = {
    "text": text(high=MAX_HINT_CHARS), "object": OBJECT, "flag": FLAG,
}  # fmt: skip
_IMAGE = request({"url": TEXT}, {"detail": TEXT})
_PART = any_of(
    request({"type": one_of("text"), "text": TEXT}, {}, open_=True),
    request({"type": one_of("image_url"), "image_url": _IMAGE}, {}, open_=True),
)
_FUNCTION_CALL = request({"name": text(1, MAX_NAME_CHARS), "arguments": TEXT}, {})
_CALL = request(
    {"id": TEXT, "type": one_of("function"), "function": _FUNCTION_CALL}, {}, open_=True
)

MODEL = described(TEXT, "Name of a model that the server lists; without one, the server's own")
STREAM = described(FLAG, "Send the answer as it grows")
STREAM_OPTIONS = request({}, {"include_usage": FLAG, "include_obfuscation": FLAG})
STOP = any_of(text(1, MAX_STOP_CHARS), listed(text(1, MAX_STOP_CHARS), 0, MAX_STOPS))
TOKENS = listed(integer(0, MAX_TOKENS - 1), 1)
N = integer(1, MAX_CHOICES)
TEMPERATURE = number(0, 2)
TOP_P = number(0, 1, above=True)
METADATA: Schema = {
    "type": "object",
    "additionalProperties": text(high=MAX_METADATA_CHARS),
    "propertyNames": text(high=MAX_METADATA_KEY_CHARS),
    "maxProperties": MAX_METADATA,
}
LOGIT_BIAS: Schema = {
    "type": "object",
    "additionalProperties": number(-100, 100),
    "maxProperties": MAX_BIASES,
    "description": "Maps token ids to what is added to their logits",
}
#: Ways of sampling and of holding an answer to a form, in all of OpenAI's generating calls.
SAMPLING: Mapping[str, Schema] = {
    "adapter": described(text(1, MAX_NAME_CHARS), "Name of a LoRA adapter that was loaded"),
    "frequency_penalty": number(-2, 2),
    "logit_bias": LOGIT_BIAS,
    "min_p": number(0, 1),
    "presence_penalty": number(-2, 2),
    "repetition_penalty": number(0.01, 10),
    "seed": integer(-(1 << 63), (1 << 63) - 1),
    "stop": STOP,
    "temperature": TEMPERATURE,
    "top_k": integer(0, MAX_TOKENS),
    "top_p": TOP_P,
}
_SCHEMA = any_of(OBJECT, TEXT, FLAG)
FORMATS: Mapping[str, Schema] = {
    "response_format": described(
        request(
            {"type": one_of("text", "json_object", "json_schema", "regex", "grammar")},
            {
                "json_schema": request(
                    {"name": text(1, 64)}, {"schema": OBJECT, "strict": FLAG, "description": TEXT}
                ),
                "schema": _SCHEMA,
                "regex": TEXT,
                "grammar": TEXT,
            },
        ),
        "What the answer must look like; generation is held to it",
    ),
    "json_schema": _SCHEMA,
    "guided_json": _SCHEMA,
    "guided_regex": TEXT,
    "grammar": described(TEXT, "A grammar in Lark's form or in GBNF"),
    "guided_grammar": TEXT,
}
MESSAGES = listed(
    request(
        {"role": one_of("system", "developer", "user", "assistant", "tool", "function")},
        {
            "content": any_of(TEXT, listed(_PART, 1)),
            "name": text(1, MAX_NAME_CHARS),
            "tool_calls": listed(_CALL),
            "tool_call_id": text(1, MAX_NAME_CHARS),
            "function_call": _FUNCTION_CALL,
            "refusal": TEXT,
            "reasoning_content": TEXT,
            "annotations": listed(OBJECT),
            "audio": OBJECT,
            "parsed": {},
        },
    ),
    1,
    MAX_MESSAGES,
)
FUNCTION = request(
    {"name": text(1, MAX_NAME_CHARS)},
    {"description": TEXT, "parameters": OBJECT, "strict": FLAG},
    open_=True,
)
TOOLS = described(
    listed(
        any_of(
            request({"type": one_of("function"), "function": FUNCTION}, {}, open_=True),
            request(
                {"type": one_of("function"), "name": text(1, MAX_NAME_CHARS)},
                {"description": TEXT, "parameters": OBJECT, "strict": FLAG},
                open_=True,
            ),
        ),
        0,
        MAX_TOOLS,
    ),
    "Functions that the model may call; flat or nested",
)
TOOL_CHOICE = any_of(one_of("none", "auto", "required"), OBJECT)


def hint_fields(hints: Mapping[str, HintKind]) -> dict[str, Schema]:
    """Fields that are taken without effect."""
    return {name: described(_KINDS[kind], "Has no effect") for name, kind in hints.items()}

"""Ollama's API."""

from __future__ import annotations

from collections.abc import Mapping

from local_llm_kit.arguments import MAX_LOGPROBS
from local_llm_kit.decisions.arguments import MAX_QUESTIONS
from local_llm_kit.embeddings import MAX_DIMENSIONS, MAX_INPUTS
from local_llm_kit.messages import MAX_MESSAGES, MAX_TOOLS
from local_llm_kit.server.ollama.refusals import REFUSED
from local_llm_kit.server.openapi.operation import Operation
from local_llm_kit.server.openapi.schema import (
    FLAG,
    NUMBER,
    OBJECT,
    TEXT,
    WHOLE,
    Schema,
    answer,
    any_of,
    described,
    integer,
    listed,
    one_of,
    ref,
    request,
)
from local_llm_kit.server.shapes import JSON_LINES

_NAME: Mapping[str, Schema] = {
    "model": TEXT,
    "name": described(TEXT, "The older name of model; one of them must be given"),
}
_LOADING: Mapping[str, Schema] = {
    "keep_alive": described(any_of(NUMBER, TEXT), "0 unloads the model; others have no effect"),
    "options": OBJECT,
}
_GENERATING: Mapping[str, Schema] = {
    **_NAME,
    **_LOADING,
    "format": any_of(one_of("json", ""), OBJECT),
    "logprobs": FLAG,
    "shift": described(FLAG, "Has no effect"),
    "stream": described(FLAG, "Send the answer as it grows, which is the default"),
    "think": any_of(FLAG, one_of("low", "medium", "high", "max")),
    "top_logprobs": integer(0, MAX_LOGPROBS),
    "truncate": described(FLAG, "Leave the oldest messages out where they do not fit"),
}
_EMPTY: Schema = {"enum": ["", []], "description": "Not supported; may be empty"}
_MESSAGE = request(
    {"role": one_of("system", "user", "assistant", "tool")},
    {
        "content": TEXT,
        "images": listed(TEXT),
        "tool_calls": listed(OBJECT),
        "thinking": TEXT,
        "tool_name": TEXT,
    },
    open_=True,
)
CHAT = request(
    {},
    {
        "messages": listed(_MESSAGE, 0, MAX_MESSAGES),
        "tools": listed(OBJECT, 0, MAX_TOOLS),
        **_GENERATING,
    },
)
GENERATE = request(
    {},
    {
        "prompt": TEXT,
        "system": TEXT,
        "images": listed(TEXT),
        "raw": FLAG,
        "suffix": described(TEXT, "Fill the gap before it, without a template"),
        **dict.fromkeys(("template", "context", "width", "height", "steps"), _EMPTY),
        **_GENERATING,
    },
)
EMBED = request(
    {},
    {
        "input": any_of(TEXT, listed(TEXT, 0, MAX_INPUTS)),
        "dimensions": integer(1, MAX_DIMENSIONS),
        "truncate": described(FLAG, "Has no effect: an input that is too long is refused"),
        **_NAME,
        **_LOADING,
    },
)
EMBEDDINGS = request({}, {"prompt": TEXT, **_NAME, **_LOADING})
SHOW = request({}, {"verbose": {}, "system": {}, "template": {}, "options": {}, **_NAME})
_ASKED = request(
    {"type": one_of("noul", "choice", "score"), "instructions": any_of(TEXT, OBJECT, listed({}))},
    {"criteria": any_of(OBJECT, listed(TEXT))},
)
DECISION = request(
    {
        "state": any_of(TEXT, OBJECT, listed({})),
        "questions": {
            "type": "object",
            "additionalProperties": _ASKED,
            "maxProperties": MAX_QUESTIONS,
        },
    },
    {**_NAME, "keep_alive": _LOADING["keep_alive"]},
)

_HEAD: Mapping[str, Schema] = {"model": TEXT, "created_at": TEXT, "done": FLAG}
_TIMES: Mapping[str, Schema] = {
    "done_reason": one_of("stop", "length", "load", "unload"),
    "total_duration": WHOLE,
    "load_duration": WHOLE,
    "prompt_eval_count": WHOLE,
    "prompt_eval_duration": WHOLE,
    "eval_count": WHOLE,
    "eval_duration": WHOLE,
    "logprobs": listed(OBJECT),
}
_MODELS = answer({"models": listed(answer({"name": TEXT, "model": TEXT, "size": WHOLE}))})
SCHEMAS: Mapping[str, Schema] = {
    "OllamaChat": answer(
        {**_HEAD, "message": answer({"role": TEXT, "content": TEXT}), **_TIMES}, optional=[*_TIMES]
    ),
    "OllamaText": answer(
        {**_HEAD, "response": TEXT, "thinking": TEXT, **_TIMES}, optional=["thinking", *_TIMES]
    ),
}
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/api/chat"): Operation(
        "Answer a conversation, in Ollama's shape",
        ref("OllamaChat"), CHAT, JSON_LINES, ref("OllamaChat"),
    ),
    ("POST", "/api/generate"): Operation(
        "Answer a prompt", ref("OllamaText"), GENERATE, JSON_LINES, ref("OllamaText")
    ),
    ("POST", "/api/embed"): Operation(
        "Embed texts", answer({"model": TEXT, "embeddings": listed(listed(NUMBER))}), EMBED
    ),
    ("POST", "/api/embeddings"): Operation(
        "Embed a text", answer({"embedding": listed(NUMBER)}), EMBEDDINGS
    ),
    ("POST", "/api/show"): Operation(
        "Describe a model",
        answer({"details": OBJECT, "model_info": OBJECT, "capabilities": listed(TEXT)}), SHOW,
    ),
    ("POST", "/v1/systemone"): Operation(
        "Answer typed questions with probabilities, in Ollama's shape",
        answer({"model": TEXT, "answers": OBJECT, "usage": OBJECT}), DECISION,
    ),
    ("GET", "/api/tags"): Operation("List the models that requests can name", _MODELS),
    ("GET", "/api/ps"): Operation("List the models that are loaded", _MODELS),
    ("GET", "/api/version"): Operation("Tell the version", answer({"version": TEXT})),
    **{
        (method, path): Operation("Always refused: models are managed on their machine", None)
        for method, path, _ in REFUSED
    },
}  # fmt: skip

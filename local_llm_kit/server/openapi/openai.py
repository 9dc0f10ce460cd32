"""OpenAI's API: chat and text completions, embeddings, decisions, models."""

from __future__ import annotations

from collections.abc import Mapping

from LLM.overflow import POLICIES
from local_llm_kit.arguments import MAX_CHOICES as MAX_ANSWERS
from local_llm_kit.arguments import MAX_LOGPROBS, MAX_PROMPTS
from local_llm_kit.decisions.arguments import MAX_CHOICES, MAX_LEVELS, MAX_QUESTIONS
from local_llm_kit.embeddings import MAX_DIMENSIONS, MAX_INPUTS
from local_llm_kit.fields import MAX_TOKENS
from local_llm_kit.hints import BOOKKEEPING, CHAT_HINTS
from local_llm_kit.messages import MAX_MESSAGES, MAX_TOOLS
from local_llm_kit.server.openapi import fields
from local_llm_kit.server.openapi.operation import EVENTS, Operation
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
    nullable,
    one_of,
    ref,
    request,
)
from local_llm_kit.server.pages import MAX_PAGE

_LIMIT = integer(0, MAX_TOKENS)
_COMMON: Mapping[str, Schema] = {
    "model": fields.MODEL,
    "stream": fields.STREAM,
    "stream_options": fields.STREAM_OPTIONS,
    "n": fields.N,
    **fields.SAMPLING,
    **fields.FORMATS,
}

CHAT = request(
    {"messages": fields.MESSAGES},
    {
        **_COMMON,
        "continue_final_message": described(
            FLAG, "Go on with the last message, which is the assistant's"
        ),
        "function_call": any_of(one_of("none", "auto"), OBJECT),
        "functions": listed(fields.FUNCTION, 0, MAX_TOOLS),
        "logprobs": FLAG,
        "max_completion_tokens": _LIMIT,
        "max_tokens": _LIMIT,
        "modalities": {"const": ["text"]},
        "overflow": described(
            one_of(*POLICIES), "What to do with messages that do not fit the window"
        ),
        "parallel_tool_calls": FLAG,
        "tool_choice": fields.TOOL_CHOICE,
        "tools": fields.TOOLS,
        "top_logprobs": integer(0, MAX_LOGPROBS),
        **fields.hint_fields(CHAT_HINTS),
    },
)
COMPLETION = request(
    {"prompt": any_of(TEXT, fields.TOKENS, listed(any_of(TEXT, fields.TOKENS), 1, MAX_PROMPTS))},
    {
        **_COMMON,
        "best_of": described(integer(0, MAX_ANSWERS), "Must be n, or 0"),
        "echo": FLAG,
        "suffix": described(TEXT, "What comes after the answer, for models that fill gaps"),
        "logprobs": integer(0, MAX_LOGPROBS),
        "max_tokens": _LIMIT,
        **fields.hint_fields(BOOKKEEPING),
    },
)
EMBEDDINGS = request(
    {"input": any_of(TEXT, fields.TOKENS, listed(any_of(TEXT, fields.TOKENS), 1, MAX_INPUTS))},
    {
        "model": fields.MODEL,
        "dimensions": described(
            integer(1, MAX_DIMENSIONS), "Numbers to keep of each embedding, at length 1 again"
        ),
        "encoding_format": one_of("float", "base64"),
        **fields.hint_fields(BOOKKEEPING),
    },
)
_QUESTION = request(
    {"type": one_of("predicate", "choice", "score"), "instructions": TEXT},
    {
        "name": TEXT,
        "choices": listed(
            request({"value": any_of(TEXT, FLAG)}, {"description": TEXT}), 2, MAX_CHOICES
        ),
        "levels": listed(request({"label": TEXT}, {"description": TEXT}), 2, MAX_LEVELS),
    },
)
DECISION = request(
    {
        "input": any_of(TEXT, listed(OBJECT, 1, MAX_MESSAGES)),
        "questions": listed(_QUESTION, 1, MAX_QUESTIONS),
    },
    {"model": fields.MODEL, **fields.hint_fields(BOOKKEEPING)},
)

NOTES = request({}, {"metadata": fields.METADATA})
_PAGING: Mapping[str, Schema] = {
    "after": TEXT, "limit": integer(0, MAX_PAGE), "order": one_of("asc", "desc"),
}  # fmt: skip


def _page(item: Schema) -> Schema:
    """A page of a list."""
    return answer(
        {"object": one_of("list"), "data": listed(item), "first_id": TEXT, "last_id": TEXT,
         "has_more": FLAG}
    )  # fmt: skip


_HEAD: Mapping[str, Schema] = {"id": TEXT, "created": WHOLE, "model": TEXT}
_REASON = one_of("stop", "length", "tool_calls", "function_call", "content_filter")
_MESSAGE = answer(
    {
        "role": one_of("assistant"),
        "content": nullable(TEXT),
        "refusal": nullable(TEXT),
        "reasoning_content": TEXT,
        "tool_calls": listed(OBJECT),
        "function_call": OBJECT,
    },
    optional=["reasoning_content", "tool_calls", "function_call"],
)
SCHEMAS: Mapping[str, Schema] = {
    "Usage": answer(
        {
            "prompt_tokens": WHOLE,
            "completion_tokens": WHOLE,
            "total_tokens": WHOLE,
            "prompt_tokens_details": answer({"cached_tokens": WHOLE}),
            "completion_tokens_details": OBJECT,
        }
    ),
    "ChatCompletion": answer(
        {
            **_HEAD,
            "object": one_of("chat.completion"),
            "choices": listed(
                answer(
                    {
                        "index": WHOLE,
                        "message": _MESSAGE,
                        "logprobs": nullable(OBJECT),
                        "finish_reason": _REASON,
                        "stop_reason": described(TEXT, "The stop string that ended the text"),
                    },
                    optional=["stop_reason"],
                )
            ),
            "usage": ref("Usage"),
            "overflow": described(OBJECT, "What was left out to fit the window"),
        },
        optional=["overflow"],
    ),
    "ChatCompletionChunk": answer(
        {
            **_HEAD,
            "object": one_of("chat.completion.chunk"),
            "choices": listed(
                answer({"index": WHOLE, "delta": OBJECT, "finish_reason": nullable(_REASON)})
            ),
            "usage": nullable(ref("Usage")),
        },
        optional=["usage"],
    ),
    "TextCompletion": answer(
        {
            **_HEAD,
            "object": one_of("text_completion"),
            "choices": listed(
                answer(
                    {
                        "index": WHOLE,
                        "text": TEXT,
                        "logprobs": nullable(OBJECT),
                        "finish_reason": nullable(_REASON),
                    }
                )
            ),
            "usage": nullable(ref("Usage")),
        },
        optional=["usage"],
    ),
    "Embeddings": answer(
        {
            "object": one_of("list"),
            "data": listed(
                answer(
                    {
                        "object": one_of("embedding"),
                        "index": WHOLE,
                        "embedding": any_of(listed(NUMBER), TEXT),
                    }
                )
            ),
            "model": TEXT,
            "usage": answer({"prompt_tokens": WHOLE, "total_tokens": WHOLE}),
        }
    ),
    "Decision": answer({"answers": listed(OBJECT), "model": TEXT, "usage": OBJECT}),
    "Model": answer(
        {
            "id": TEXT,
            "object": one_of("model"),
            "created": WHOLE,
            "owned_by": TEXT,
            "context_length": described(WHOLE, "The window in tokens, of a loaded model"),
            "capabilities": listed(TEXT),
        },
        optional=["context_length", "capabilities"],
    ),
}
OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("POST", "/v1/chat/completions"): Operation(
        "Answer a conversation",
        ref("ChatCompletion"), CHAT, EVENTS, ref("ChatCompletionChunk"),
    ),
    ("GET", "/v1/chat/completions"): Operation(
        "List the chat completions that were kept",
        _page(ref("ChatCompletion")), query={**_PAGING, "model": TEXT},
    ),
    ("GET", "/v1/chat/completions/{id}"): Operation("Get one of them", ref("ChatCompletion")),
    ("POST", "/v1/chat/completions/{id}"): Operation(
        "Replace its metadata", ref("ChatCompletion"), NOTES
    ),
    ("DELETE", "/v1/chat/completions/{id}"): Operation(
        "Forget it",
        answer({"id": TEXT, "object": one_of("chat.completion.deleted"), "deleted": FLAG}),
    ),
    ("GET", "/v1/chat/completions/{id}/messages"): Operation(
        "List what it answers", _page(answer({"id": TEXT, "role": TEXT})), query=_PAGING,
    ),
    ("POST", "/v1/completions"): Operation(
        "Go on with a text", ref("TextCompletion"), COMPLETION, EVENTS, ref("TextCompletion")
    ),
    ("POST", "/v1/embeddings"): Operation("Embed texts", ref("Embeddings"), EMBEDDINGS),
    ("POST", "/v1/decisions"): Operation(
        "Answer typed questions with probabilities", ref("Decision"), DECISION
    ),
    ("GET", "/v1/models"): Operation(
        "List the models that requests can name",
        answer({"object": one_of("list"), "data": listed(ref("Model"))}),
    ),
    ("GET", "/v1/models/{name}"): Operation("Describe one of them", ref("Model")),
}  # fmt: skip

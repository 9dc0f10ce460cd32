"""What is answered by those who say that they speak OpenAI's language.

Shapes as recorded from Azure, Groq, DeepSeek, vLLM, OpenRouter, Mistral, Together, Fireworks,
llama.cpp and Google's OpenAI-compatible address.
"""

from __future__ import annotations

from typing import Any

from tests.cloud.openai.wire import (
    DONE,
    ID,
    MODEL,
    PARIS,
    ROLE,
    TWO_CALLS,
    USAGE,
    call,
    call_piece,
    choice_of,
    chunk,
    first,
    like,
    plain,
    sse,
    usage_chunk,
)
from tests.cloud.scripts import Script

_SAFE = {
    name: {"filtered": False, "severity": "safe"}
    for name in ("hate", "self_harm", "sexual", "violence")
}
_PROMPT_FILTER = [{"prompt_index": 0, "content_filter_results": _SAFE}]
_AZURE_FIRST = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": _PROMPT_FILTER,
}


def azure_note(offset: int, finish: str | None = None) -> dict[str, Any]:
    """What Azure's asynchronous filter says of the text so far: a choice without a delta."""
    choice = {
        "content_filter_offsets": {
            "check_offset": offset,
            "start_offset": offset,
            "end_offset": offset + 44,
        },
        "content_filter_results": _SAFE,
        "finish_reason": finish,
        "index": 0,
    }
    return {"choices": [choice], "created": 0, "id": "", "model": "", "object": ""}


_GROQ_USAGE = {
    "queue_time": 0.061348671,
    "prompt_tokens": 18,
    "prompt_time": 0.000211569,
    "completion_tokens": 4,
    "completion_time": 0.798181818,
    "total_tokens": 22,
    "total_time": 0.798393387,
}
_GROQ = {"service_tier": None, "obfuscation": None}
_DEEPSEEK_USAGE = {
    "prompt_tokens": 20,
    "completion_tokens": 7,
    "total_tokens": 27,
    "prompt_tokens_details": {"cached_tokens": 12},
    "completion_tokens_details": {"reasoning_tokens": 5},
    "prompt_cache_hit_tokens": 12,
    "prompt_cache_miss_tokens": 8,
}
_OPENROUTER = {"provider": "Google AI Studio", "obfuscation": None, "service_tier": None}
_OPENROUTER_USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "cost": 0.00123,
    "is_byok": False,
    "prompt_tokens_details": {"cached_tokens": 200, "cache_write_tokens": 100, "audio_tokens": 0},
    "cost_details": {"upstream_inference_cost": 0.001},
    "completion_tokens_details": {"reasoning_tokens": 30, "image_tokens": 0},
}
_DETAILS = [{"type": "reasoning.text", "text": "Thought", "format": "unknown", "index": 0}]
_SIGNED = {"extra_content": {"google": {"thought_signature": "EjQKMgEMOdbHJChL"}}}


def mistral_thought(*texts: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text} for text in texts]}


COMPATIBLE = [
    Script(
        "azure",
        {
            **choice_of(plain("Hi there"), content_filter_results=_SAFE),
            "prompt_filter_results": _PROMPT_FILTER,
        },
        sse(
            _AZURE_FIRST,
            choice_of(ROLE, content_filter_results={}),
            choice_of(chunk(content="Hi"), content_filter_results=_SAFE),
            choice_of(chunk(content=" there"), content_filter_results=_SAFE),
            choice_of(chunk("stop"), content_filter_results={}),
            usage_chunk(),
            DONE,
        ),
        {"content": "Hi there", "model": MODEL, "id": ID},
    ),
    Script(
        "azure-asynchronous-filter",
        plain("Hi there"),
        sse(
            _AZURE_FIRST,
            ROLE,
            azure_note(0),
            chunk(content="Hi there"),
            azure_note(44),
            chunk("stop"),
            azure_note(88),
            usage_chunk(),
            DONE,
        ),
        {"content": "Hi there", "model": MODEL, "finish_reason": "stop"},
        sdk=False,  # which finds no delta to add
    ),
    Script(
        "azure-filtered",
        choice_of(plain(None, "content_filter"), content_filter_results=_SAFE),
        sse(_AZURE_FIRST, ROLE, azure_note(0, "content_filter"), usage_chunk(), DONE),
        {"content": "", "finish_reason": "content_filter"},
        sdk=False,
    ),
    Script(
        "groq",
        {
            **like(plain("Fast tokens.", usage=_GROQ_USAGE), **_GROQ),
            "x_groq": {"id": "req_01jbd6g2"},
        },
        sse(
            {**like(ROLE, **_GROQ), "x_groq": {"id": "req_01jbd6g2"}},
            like(chunk(content="Fast"), **_GROQ),
            like(chunk(content=" tokens."), **_GROQ),
            {
                **like(chunk("stop"), **_GROQ),
                "x_groq": {"id": "req_01jbd6g2", "usage": _GROQ_USAGE},
            },
            DONE,
        ),
        {"content": "Fast tokens.", "input_tokens": 18, "output_tokens": 4},
        sdk=False,  # which does not know where Groq counts
    ),
    Script(
        "deepseek-reasoning",
        plain("9.8", reasoning_content="9.11 or 9.8?\n0.8 is more.", usage=_DEEPSEEK_USAGE),
        sse(
            chunk(role="assistant", content=None, reasoning_content=""),
            chunk(content=None, reasoning_content="9.11 or 9.8?"),
            chunk(content=None, reasoning_content="\n0.8 is more."),
            chunk(content="9", reasoning_content=None),
            chunk(content=".8", reasoning_content=None),
            {**chunk("stop", content="", reasoning_content=None), "usage": _DEEPSEEK_USAGE},
            DONE,
        ),
        {
            "content": "9.8",
            "reasoning": "9.11 or 9.8?\n0.8 is more.",
            "input_tokens": 20,
            "output_tokens": 7,
        },
    ),
    Script(
        "vllm-reasoning-beside-a-call",
        choice_of(
            plain(
                None,
                "tool_calls",
                reasoning="I need the weather.",
                tool_calls=[call("chatcmpl-tool-9f", "get_weather", PARIS)],
            ),
            stop_reason=None,
            token_ids=None,
        ),
        sse(
            chunk(role="assistant", content=""),
            chunk(reasoning="I need"),
            chunk(reasoning=" the weather."),
            # The whole call, and then pieces with its name again.
            first(0, "chatcmpl-tool-9f", "get_weather", PARIS[:12]),
            call_piece(
                0, id="chatcmpl-tool-9f", function={"name": "get_weather", "arguments": PARIS[12:]}
            ),
            choice_of(chunk("tool_calls", content=""), stop_reason=None),
            usage_chunk(),
            DONE,
        ),
        {
            "reasoning": "I need the weather.",
            "tool_calls": [("get_weather", {"location": "Paris, France"})],
        },
        sdk=False,  # which adds names up
    ),
    Script(
        "openrouter",
        choice_of(
            like(
                plain(
                    "Answer",
                    reasoning="Thought",
                    reasoning_details=_DETAILS,
                    usage=_OPENROUTER_USAGE,
                ),
                **_OPENROUTER,
            ),
            native_finish_reason="STOP",
        ),
        sse(
            b": OPENROUTER PROCESSING\n\n",
            b": OPENROUTER PROCESSING\n\n",
            like(
                chunk(role="assistant", content="", reasoning="Tho", reasoning_details=_DETAILS),
                **_OPENROUTER,
            ),
            like(chunk(role="assistant", content="", reasoning="ught"), **_OPENROUTER),
            b": OPENROUTER PROCESSING\n\n",
            like(chunk(role="assistant", content="Ans"), **_OPENROUTER),
            like(chunk(role="assistant", content="wer"), **_OPENROUTER),
            choice_of(
                like(chunk("stop", role="assistant", content=""), **_OPENROUTER),
                native_finish_reason="STOP",
            ),
            # Its usage comes with a choice.
            {
                **like(chunk(role="assistant", content=""), **_OPENROUTER),
                "usage": _OPENROUTER_USAGE,
            },
            DONE,
        ),
        {"content": "Answer", "reasoning": "Thought", "input_tokens": 1000, "output_tokens": 100},
    ),
    Script(
        "mistral-thinking",
        plain([mistral_thought("10 divided", " by 2 is"), {"type": "text", "text": "5"}]),
        sse(
            chunk(role="assistant", content=""),
            chunk(content=[mistral_thought("10 divided")]),
            chunk(content=[mistral_thought(" by 2 is")]),
            chunk(content=[{"type": "text", "text": "5"}]),
            {**chunk("stop", content=""), "usage": USAGE},
            DONE,
        ),
        {"content": "5", "reasoning": "10 divided by 2 is"},
        sdk=False,  # which takes content for text
    ),
    Script(
        "mistral-whole-calls",
        plain("", "tool_calls", tool_calls=TWO_CALLS),
        sse(
            chunk(role="assistant", content=""),
            chunk(
                "tool_calls",
                content="",
                tool_calls=[{**one, "index": number} for number, one in enumerate(TWO_CALLS)],
            ),
            usage_chunk(),
            DONE,
        ),
        {
            "tool_calls": [
                ("get_weather", {"location": "Paris, France"}),
                ("time", {"location": "Rome, Italy"}),
            ]
        },
    ),
    Script(
        "google-calls-without-index",
        plain(None, "stop", tool_calls=[{**TWO_CALLS[0], **_SIGNED}, TWO_CALLS[1]]),
        sse(
            call_piece(None, **TWO_CALLS[0], **_SIGNED),
            call_piece(None, **TWO_CALLS[1]),
            chunk("stop"),
            usage_chunk(),
            DONE,
        ),
        {
            "finish_reason": "stop",
            "tool_calls": [
                ("get_weather", {"location": "Paris, France"}),
                ("time", {"location": "Rome, Italy"}),
            ],
        },
        sdk=False,  # which needs the index
    ),
    Script(
        "together",
        {**choice_of(plain("Hi", "stop", tool_calls=[]), seed=1234), "prompt": []},
        sse(
            *[
                choice_of(chunk(role="assistant", content=text, token_id=id), text=text, seed=None)
                for text, id in (("H", 42), ("i", 17))
            ],
            {
                **choice_of(
                    chunk("stop", role="assistant", content="", token_id=128009), text="", seed=1234
                ),
                "usage": USAGE,
            },
            DONE,
        ),
        {"content": "Hi", "tool_calls": [], "input_tokens": 19},
    ),
    Script(
        "fireworks-usage-with-the-end",
        plain("Hi"),
        sse(ROLE, chunk(content="Hi"), {**chunk("stop"), "usage": USAGE}, DONE),
        {"content": "Hi", "input_tokens": 19, "output_tokens": 10},
    ),
    Script(
        "llama-cpp-timings",
        {**like(plain("Hi"), service_tier=None), "timings": {"prompt_n": 19, "predicted_n": 10}},
        sse(
            ROLE,
            chunk(content="Hi"),
            chunk("stop"),
            {**usage_chunk(), "timings": {"prompt_n": 19}},
            DONE,
        ),
        {"content": "Hi"},
    ),
]

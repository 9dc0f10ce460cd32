"""What models can do, which price lists do not say, by the beginnings of their names.

From the providers' documentation. What is not here is not said in the registry: a guess would be
taken for a fact.

Source: https://platform.openai.com/docs/models, https://platform.claude.com/docs/en/about-claude/models,
https://ai.google.dev/gemini-api/docs/models, https://ollama.com/library.
"""

from __future__ import annotations

import re
from typing import Any

_CHAT = {"supports_streaming": True, "supports_function_calling": True}
_OPENAI = {**_CHAT, "supports_json_mode": True, "supports_parallel_tool_calls": True}
_OPENAI_VISION = {
    **_OPENAI,
    "supports_vision": True,
    "supports_caching": True,
    "supports_temperature": True,
    "is_reasoning_model": False,
}
_OPENAI_REASONING = {
    "supports_streaming": True,
    "supports_temperature": False,
    "supports_thinking": True,
    "is_reasoning_model": True,
}
_CLAUDE = {
    **_CHAT,
    "supports_vision": True,
    "supports_parallel_tool_calls": True,
    "supports_caching": True,
    "is_reasoning_model": False,
}
_GEMINI = {
    **_CHAT,
    "supports_vision": True,
    "supports_json_mode": True,
    "supports_parallel_tool_calls": True,
    "supports_temperature": True,
    "is_reasoning_model": False,
}
_GEMINI_THINKING = {**_GEMINI, "supports_caching": True, "supports_thinking": True}

#: Per provider: patterns that a whole name must fit, and what such models can do.
_RULES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "openai": [
        (r"gpt-4o(-mini)?(-2024-05-13)?|gpt-4\.1(-mini|-nano)?", _OPENAI_VISION),
        (r"gpt-4-turbo", {**_OPENAI_VISION, "supports_caching": False}),
        (r"gpt-3\.5-turbo", {**_OPENAI, "supports_vision": False, "is_reasoning_model": False}),
        (r"o3|o4-mini|o1", {**_OPENAI_REASONING, "supports_vision": True, **_CHAT}),
        (r"o3-mini", {**_OPENAI_REASONING, "supports_vision": False, **_CHAT}),
        (
            r"gpt-5(\.[12])?(-mini|-nano)?",
            {**_OPENAI, **_OPENAI_REASONING, "supports_vision": True},
        ),
    ],
    "anthropic": [
        (r"claude-3-(haiku|sonnet|opus-latest)", {**_CLAUDE, "supports_thinking": False}),
        (r"claude-3-5-(haiku-latest|sonnet)", {**_CLAUDE, "supports_thinking": False}),
        (r"claude-3-7-sonnet-latest", {**_CLAUDE, "supports_thinking": True}),
        (r"claude-(opus-4-[015]|sonnet-4-[05]|haiku-4-5)", {**_CLAUDE, "supports_thinking": True}),
    ],
    "google": [
        (r"gemini-2\.0-flash(-lite)?", {**_GEMINI, "supports_thinking": False}),
        (r"gemini-2\.5-(pro|flash|flash-lite)|gemini-3-(pro|flash)-preview", _GEMINI_THINKING),
    ],
}

_OLLAMA_TOOLS = {**_CHAT, "supports_json_mode": True}
#: Well-known models of Ollama's library. They run on the user's machine, so they cost nothing.
OLLAMA: dict[str, dict[str, Any]] = {
    "deepseek-r1": {"max_input_tokens": 131_072, "supports_thinking": True},
    "gemma3": {"max_input_tokens": 131_072, "supports_vision": True},
    "gpt-oss": {"max_input_tokens": 131_072, "supports_thinking": True, **_OLLAMA_TOOLS},
    "llama3.1": {"max_input_tokens": 131_072, **_OLLAMA_TOOLS},
    "llama3.2": {"max_input_tokens": 131_072, **_OLLAMA_TOOLS},
    "llama3.3": {"max_input_tokens": 131_072, **_OLLAMA_TOOLS},
    "llava": {"max_input_tokens": 32_768, "supports_vision": True},
    "mistral": {"max_input_tokens": 32_768, **_OLLAMA_TOOLS},
    "phi4": {"max_input_tokens": 16_384},
    "qwen2.5": {"max_input_tokens": 32_768, **_OLLAMA_TOOLS},
    "qwen3": {"max_input_tokens": 40_960, "supports_thinking": True, **_OLLAMA_TOOLS},
}


def abilities(provider: str, name: str) -> dict[str, Any]:
    """What a model can do; empty when it is not known."""
    for pattern, found in _RULES.get(provider, ()):
        if re.fullmatch(pattern, name):
            return found
    return {}

"""litellm, by each of the APIs that it speaks."""

from __future__ import annotations

import json
import os
from typing import Any

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # otherwise it downloads a list of prices

import litellm

from tests.compat.common import CITY, HELLO, KEY, MODEL, WEATHER, City

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def _ask(url: str, text: str, **options: Any) -> Any:
    messages = [{"role": "user", "content": text}]
    options = {"model": f"openai/{MODEL}", "api_base": f"{url}/v1", "temperature": 0, **options}
    return litellm.completion(messages=messages, api_key=KEY, **options)


def chat(url: str) -> None:
    assert _ask(url, HELLO).choices[0].message.content


def stream(url: str) -> None:
    chunks = _ask(url, HELLO, stream=True, stream_options={"include_usage": True})
    assert len([chunk for chunk in chunks if chunk.choices]) > 1


def tools(url: str) -> None:
    (call,) = _ask(url, WEATHER, tools=[TOOL]).choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == (
        "get_weather", {"city": "Paris"},
    )  # fmt: skip


def structured(url: str) -> None:
    City.model_validate_json(_ask(url, CITY, response_format=City).choices[0].message.content)


def embeddings(url: str) -> None:
    answer = litellm.embedding(f"openai/{MODEL}", [HELLO], api_base=f"{url}/v1", api_key=KEY)
    assert answer.data[0]["embedding"]


def responses(url: str) -> None:
    options = {"model": f"openai/{MODEL}", "api_base": f"{url}/v1", "api_key": KEY}
    assert litellm.responses(input=HELLO, **options).output[0].content[0].text
    assert len(list(litellm.responses(input=HELLO, stream=True, **options))) > 1


def anthropic(url: str) -> None:
    options = {"model": f"anthropic/{MODEL}", "api_base": url, "max_tokens": 50}
    assert _ask(url, HELLO, **options).choices[0].message.content
    assert len(list(_ask(url, HELLO, stream=True, **options))) > 1
    assert _ask(url, WEATHER, tools=[TOOL], **options).choices[0].message.tool_calls


def ollama(url: str) -> None:
    options = {"model": f"ollama_chat/{MODEL}", "api_base": url}
    assert _ask(url, HELLO, **options).choices[0].message.content
    assert len(list(_ask(url, HELLO, stream=True, **options))) > 1


CHECKS = (chat, stream, tools, structured, embeddings, responses, anthropic, ollama)

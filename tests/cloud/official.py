"""The providers' own SDKs as readers of scripts: what they make of an answer, in plain values.

Each reader is made with a server's address. `whole` and `streamed` send one call, and give what the
SDK reads. Where an SDK adds a stream up by itself, that sum is taken.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

KEY, MODEL = "sk-test-1234", "asked-model"
MESSAGES: Any = [{"role": "user", "content": "Hello!"}]


@dataclass
class Reading:
    """What an SDK reads.

    :param calls: names and arguments of tool calls.
    :param reasoning: None where the SDK does not tell it.
    """

    content: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list)
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning: str | None = None


class OpenAISDK:
    def __init__(self, url: str) -> None:
        from openai import OpenAI

        self._client = OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0)
        self.close = self._client.close

    def whole(self) -> Reading:
        answer = self._client.chat.completions.create(model=MODEL, messages=MESSAGES)
        return self._read(answer)

    def streamed(self) -> Reading:
        from openai import LengthFinishReasonError

        call = self._client.chat.completions.stream(model=MODEL, messages=MESSAGES)
        try:
            with call as stream:
                return self._read(stream.get_final_completion())
        except LengthFinishReasonError as err:
            return self._read(err.completion)

    def _read(self, answer: Any) -> Reading:
        message, usage = answer.choices[0].message, answer.usage
        extra = message.model_extra or {}
        calls = [(c.function.name, c.function.arguments) for c in message.tool_calls or ()]
        return Reading(
            message.content or "",
            [(name, _parsed(text)) for name, text in calls],
            usage.prompt_tokens if usage else 0,
            usage.completion_tokens if usage else 0,
            extra.get("reasoning_content") or extra.get("reasoning"),
        )


class AnthropicSDK:
    def __init__(self, url: str) -> None:
        from anthropic import Anthropic

        self._client = Anthropic(base_url=url, api_key=KEY, max_retries=0)
        self.close = self._client.close

    def whole(self) -> Reading:
        return self._read(
            self._client.messages.create(model=MODEL, messages=MESSAGES, max_tokens=100)
        )

    def streamed(self) -> Reading:
        call = self._client.messages.stream(model=MODEL, messages=MESSAGES, max_tokens=100)
        with call as stream:
            return self._read(stream.get_final_message())

    def _read(self, message: Any) -> Reading:
        blocks = message.content
        thoughts = "".join(block.thinking for block in blocks if block.type == "thinking")
        return Reading(
            "".join(block.text for block in blocks if block.type == "text"),
            [(block.name, block.input) for block in blocks if block.type == "tool_use"],
            message.usage.input_tokens,
            message.usage.output_tokens,
            thoughts or None,
        )


class GoogleSDK:
    def __init__(self, url: str) -> None:
        from google import genai
        from google.genai.types import HttpOptions

        self._client = genai.Client(api_key=KEY, http_options=HttpOptions(base_url=url))
        self.close = self._client.close

    def whole(self) -> Reading:
        return self._read([self._client.models.generate_content(model=MODEL, contents="Hello!")])

    def streamed(self) -> Reading:
        return self._read(
            self._client.models.generate_content_stream(model=MODEL, contents="Hello!")
        )

    def _read(self, answers: Iterable[Any]) -> Reading:
        reading, thoughts = Reading(), []
        for answer in answers:
            candidates = answer.candidates or ()
            content = candidates[0].content if candidates else None
            for part in (content and content.parts) or ():
                if part.function_call:
                    reading.calls.append((part.function_call.name, part.function_call.args or {}))
                elif part.text and part.thought:
                    thoughts.append(part.text)
                elif part.text:
                    reading.content += part.text
            if usage := answer.usage_metadata:
                reading.input_tokens = usage.prompt_token_count or 0
                reading.output_tokens = (usage.candidates_token_count or 0) + (
                    usage.thoughts_token_count or 0
                )
        reading.reasoning = "".join(thoughts) or None
        return reading


class OllamaSDK:
    def __init__(self, url: str) -> None:
        from ollama import Client

        self._client = Client(host=url)
        self.close = self._client._client.close

    def whole(self) -> Reading:
        return self._read([self._client.chat(MODEL, MESSAGES)])

    def streamed(self) -> Reading:
        return self._read(self._client.chat(MODEL, MESSAGES, stream=True))

    def _read(self, answers: Iterable[Any]) -> Reading:
        reading, thoughts = Reading(), []
        for answer in answers:
            message = answer.message
            reading.content += message.content or ""
            thoughts.append(message.thinking or "")
            calls = message.tool_calls or ()
            reading.calls += [(c.function.name, dict(c.function.arguments)) for c in calls]
            reading.input_tokens = answer.prompt_eval_count or reading.input_tokens
            reading.output_tokens = answer.eval_count or reading.output_tokens
        reading.reasoning = "".join(thoughts) or None
        return reading


SDKS: dict[str, Any] = {
    "openai": OpenAISDK,
    "anthropic": AnthropicSDK,
    "gemini": GoogleSDK,
    "ollama": OllamaSDK,
}


def _parsed(text: str) -> Any:
    """Arguments as a dict; as their text where they are none."""
    try:
        return json.loads(text or "{}")
    except ValueError:
        return text

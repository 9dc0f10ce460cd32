"""Arguments of a call, spoilt at random: a provider's request comes of them, or a clear error."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from cloud.llm import InvalidRequestError
from cloud.llm.client import ChatClient
from tests.cloud.play import PROVIDERS, SETTINGS, Provider
from tests.cloud.test_mutants import spoilt

pytestmark = pytest.mark.slow

MUTANTS = 200
PNG = "data:image/png;base64,iVBORw0KGgo="
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
MARK = {"cache_control": {"type": "ephemeral"}}
PARAMETERS = {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}
SCHEMA = {"name": "City", "schema": PARAMETERS, "strict": True}

ARGUMENTS: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "developer", "content": [{"type": "text", "text": "Be brief.", **MARK}]},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [CALL],
            "thinking_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "s"}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "2"}]},
        {"role": "user", "content": "And now?"},
    ],
    "system": [{"type": "text", "text": "Be exact.", **MARK}],
    "temperature": 0.5,
    "max_tokens": 5,
    "tools": [{"name": "f", "description": "F", "parameters": PARAMETERS, **MARK}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": SCHEMA},
    "stop": ["END"],
    "top_p": 0.5,
}
#: Ollama has no way to name a tool that must be called.
LEFT_OUT = {"ollama": {"tool_choice"}}


def arguments_for(provider: Provider) -> dict[str, Any]:
    left_out = LEFT_OUT.get(provider.name, set())
    return {name: value for name, value in ARGUMENTS.items() if name not in left_out}


def request_of(client: ChatClient, arguments: dict[str, Any]) -> Any:
    """The JSON that a call would send."""
    fields = dict.fromkeys(
        ("system", "temperature", "max_tokens", "tools", "tool_choice", "response_format")
    )
    known = {name: arguments.get(name) for name in fields}
    extra = {k: v for k, v in arguments.items() if k not in fields and k != "messages"}
    messages = arguments.get("messages")
    prepared = client._prepare(
        messages, None, known.pop("response_format"), None, stream=False, extra=extra, **known
    )
    return json.loads(prepared.request.body)


def client_of(provider: Provider) -> ChatClient:
    return provider.client(base_url="http://127.0.0.1:9", **SETTINGS)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_every_provider_has_a_form_for_a_whole_conversation(provider: Provider) -> None:
    sent = json.dumps(request_of(client_of(provider), arguments_for(provider)), ensure_ascii=False)
    for part in ("Be kind.", "Be brief.", "Be exact.", "What is this?", "iVBORw0KGgo=", "END"):
        assert part in sent, part


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_spoilt_arguments_are_sent_or_refused(provider: Provider, seed: int) -> None:
    client, whole = client_of(provider), arguments_for(provider)
    rng = random.Random(seed)
    refused = 0
    for _ in range(MUTANTS):
        name = rng.choice([*whole, *["messages"] * 9])
        try:
            request_of(client, {**whole, name: spoilt(whole[name], rng)})
        except InvalidRequestError as err:
            refused += len(str(err).encode()) > 20
    assert 0 < refused < MUTANTS

"""Whatever the model is: answers of random weights to random schemas and tools are valid."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no stubs
from safetensors.numpy import load_file, save_file

from local_llm_kit import LLMClient
from tests.local.random_schemas import random_schema
from tests.local.support import TINY

pytestmark = pytest.mark.slow

N_SCHEMAS, N_TOOLS = 500, 200
MESSAGES = [{"role": "user", "content": "x"}]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LLMClient]:
    """tiny's tokenizer with weights that learnt nothing."""
    from tiny_model.to_gguf import convert

    folder = tmp_path_factory.mktemp("random")
    for file in TINY.parent.glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "chat_template.jinja").write_bytes((TINY.parent / "chat_template.jinja").read_bytes())
    rng = np.random.default_rng(0)
    weights = load_file(TINY.parent / "model.safetensors")
    noise = {
        name: rng.normal(0, 0.1, tensor.shape).astype(np.float32) if tensor.ndim > 1 else tensor
        for name, tensor in weights.items()
    }
    save_file(noise, folder / "model.safetensors", {"format": "pt"})
    path = folder / "random.gguf"
    convert(folder, path, "Q8_0")
    with LLMClient(str(path), n_slots=16) as client:
        yield client


def answers(create: Callable[..., Any], calls: list[dict[str, Any]]) -> list[Any]:
    def ask(fields: dict[str, Any]) -> Any:
        return create(**{"temperature": 1.5, "top_p": 1, **fields}).choices[0]

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(ask, calls))


def is_valid(text: str, schema: Any) -> bool:
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(schema, format_checker=checker).validate(json.loads(text))
    return True


def test_every_finished_answer_fits_its_random_schema(client: LLMClient) -> None:
    schemas = [random_schema(Random(seed)) for seed in range(N_SCHEMAS)]
    formats = [
        {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
        for schema in schemas
    ]
    # A text completion is held as a chat is, and its prompt does not tell the schema: it is short.
    choices = answers(
        client.completions.create,
        [
            {"prompt": "x", "response_format": one, "seed": i, "max_tokens": 400}
            for i, one in enumerate(formats)
        ],
    )
    reasons = Counter(choice.finish_reason for choice in choices)
    assert set(reasons) <= {"stop", "length"}
    assert reasons["stop"] > 0.9 * N_SCHEMAS
    for choice, schema in zip(choices, schemas, strict=True):
        assert choice.finish_reason == "length" or is_valid(choice.text, schema)


def random_tools(r: Random) -> dict[str, dict[str, Any]]:
    names = r.sample(
        ["add", "add_all", "Größe", "get-weather", "files:read", "x.y"], r.randint(1, 4)
    )
    return {name: _parameters(r) for name in names}


def _parameters(r: Random) -> dict[str, Any]:
    schema = random_schema(r)
    definitions = schema.pop("$defs")
    properties = {"value": schema, "text": {"type": "string", "maxLength": 12}}
    return {
        "type": "object",
        "properties": properties,
        "required": r.sample(list(properties), r.randint(1, 2)),
        "additionalProperties": False,
        "$defs": definitions,
    }


def tool_call(seed: int) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Tools, and the arguments of a call that offers them."""
    r = Random(seed)
    schemas = random_tools(r)
    tools = [{"name": name, "parameters": schema} for name, schema in schemas.items()]
    named = {"type": "function", "function": {"name": r.choice(list(schemas))}}
    choice = ["required", named, "auto"][seed % 3]
    return schemas, {
        "tools": tools,
        "tool_choice": choice,
        "parallel_tool_calls": seed % 4 == 0,
        "max_tokens": 60 if choice == "auto" else 200,
        "messages": MESSAGES,
        "seed": seed,
    }


def test_every_call_of_a_random_tool_has_valid_arguments(client: LLMClient) -> None:
    cases = [tool_call(seed) for seed in range(N_TOOLS)]
    n_forced = 0
    choices = answers(client.chat.completions.create, [fields for _, fields in cases])
    for (schemas, fields), choice in zip(cases, choices, strict=True):
        assert choice.finish_reason in ("stop", "tool_calls", "length")
        calls = choice.message.tool_calls or []
        if choice.finish_reason == "length":
            calls = calls[:-1]  # the last one may be cut
        else:
            assert calls or fields["tool_choice"] == "auto"
        assert len(calls) <= 1 or fields["parallel_tool_calls"]
        for call in calls:
            assert is_valid(call.function.arguments, schemas[call.function.name])
            if isinstance(fields["tool_choice"], dict):
                assert call.function.name == fields["tool_choice"]["function"]["name"]
        n_forced += fields["tool_choice"] != "auto" and choice.finish_reason == "tool_calls"
    assert n_forced > 0.4 * N_TOOLS

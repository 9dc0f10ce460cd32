"""Models in this process in pools: what moves on, what is refused, and how it is called."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest

from llmring import LLMResponse, LLMRing, create_base64_image_content
from llmring.exceptions import (
    ConfigurationError,
    LLMRingError,
    ModelNotFoundError,
    ProviderContextLengthError,
    ProviderRateLimitError,
    ProviderRequestError,
    ProviderTimeoutError,
    ValidationError,
)
from llmring.providers.local import engines
from local_llm_kit import loading
from local_llm_kit.model_files import BUNDLED
from tests.llmring.providers.local_calls import ENDLESS, HELLO, WEATHER, run

pytestmark = pytest.mark.slow


def answer_of_pool(tmp_path: Path, *models: str, **fields: Any) -> LLMResponse:
    """The answer of an alias for `models`."""
    path = tmp_path / "llmring.lock"
    listed = ", ".join(map(repr, models))
    path.write_text(
        f'version = "1.0"\ndefault_profile = "default"\n[profiles.default]\nname = "default"\n'
        f'[[profiles.default.bindings]]\nalias = "offline"\nmodels = [{listed}]\n'
    )

    async def ask() -> LLMResponse:
        async with LLMRing(lockfile_path=path) as ring:
            ring.register_provider("local", n_slots=1, context_length=64)
            asked = {"messages": HELLO, "max_tokens": 2, **fields}
            return await ring.chat("offline", **asked)

    return run(ask())


def failures(response: LLMResponse) -> list[tuple[str, Any]]:
    return [(one["outcome"], one.get("error")) for one in response.attempts]


def test_a_file_that_is_not_there_gives_way_to_the_next_model(tmp_path: Path) -> None:
    answer = answer_of_pool(tmp_path, "local:/nowhere/model.gguf", "local:tiny")
    assert failures(answer) == [("failed", "ModelNotFoundError"), ("answered", None)]
    assert "'/nowhere/model.gguf' does not exist" in answer.attempts[0]["reason"]
    assert answer.model == "local:tiny"


def test_a_file_that_is_not_there_is_told_where_nothing_else_is(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="does not exist"):
        answer_of_pool(tmp_path, "local:/nowhere/model.gguf")


def test_a_prompt_that_does_not_fit_moves_on_to_a_larger_window(tmp_path: Path) -> None:
    long = [{"role": "user", "content": "Hello! " * 200}]
    with pytest.raises(ProviderContextLengthError, match="tokens"):
        answer_of_pool(tmp_path, "local:tiny", messages=long)
    other = shutil.copy(BUNDLED["tiny"], tmp_path / "boat.gguf")
    answer = answer_of_pool(tmp_path, "local:tiny", f"local:{other}", messages=long)
    assert failures(answer) == [("failed", "ProviderContextLengthError"), ("answered", None)]


def test_an_image_moves_on_from_a_model_that_reads_text(tmp_path: Path) -> None:
    content = create_base64_image_content("iVBORw0KGgo=", "image/png")
    pool, asked = ("local:tiny", "local:/nowhere/model.gguf"), {"role": "user", "content": content}
    with pytest.raises(LLMRingError) as caught:
        answer_of_pool(tmp_path, *pool, messages=[asked])
    tried = [(one["model"], one["error"]) for one in caught.value.details["attempts"]]
    errors = ("ProviderRequestError", "ModelNotFoundError")
    assert tried == list(zip(pool, errors, strict=True))


def test_a_missing_engine_is_told_with_what_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "find_spec", lambda package: None)
    with pytest.raises(ConfigurationError, match=r"pip install '\.\[llama\]'"):
        answer_of_pool(tmp_path, "local:tiny")


def test_a_setting_that_there_is_not_is_named_by_the_first_call() -> None:
    async def ask() -> None:
        async with LLMRing() as ring:
            ring.register_provider("local", n_slot=1)
            await ring.chat("local:tiny", messages=HELLO)

    with pytest.raises(ConfigurationError, match="did you mean 'n_slots'"):
        run(ask())


def test_calls_beyond_the_queue_are_told_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMRING_RETRY_ATTEMPTS", "1")

    async def ask() -> list[Any]:
        async with LLMRing() as ring:
            ring.register_provider("local", n_slots=1, max_queue=1)
            asked = {"messages": HELLO, "max_tokens": 50, "extra_params": ENDLESS}
            calls = [ring.chat("local:tiny", **asked) for _ in range(4)]
            return await asyncio.gather(*calls, return_exceptions=True)

    kinds = [type(answer) for answer in run(ask())]
    assert ProviderRateLimitError in kinds
    assert LLMResponse in kinds


@pytest.mark.parametrize("packages", [("llama_cpp",), ("torch", "transformers")], ids=str)
def test_an_engine_is_there_when_all_of_its_packages_are(
    monkeypatch: pytest.MonkeyPatch, packages: tuple[str, ...]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in packages or None)
    assert engines.has_engine.__wrapped__()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in packages[1:] or None)
    assert not engines.has_engine.__wrapped__()


REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "timeout": ({"timeout": 1e-9}, ProviderTimeoutError, "deadline: total|not loaded"),
    "image": (
        {"messages": [{"role": "user", "content": [
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]}]},
        ProviderRequestError, r"messages\[0\]\.content\[0\]"),
    "unknown": ({"extra_params": {"num_ctx": 8}}, ProviderRequestError, "num_ctx"),
    "stream": ({"extra_params": {"stream": True}}, ValidationError, "call chat_stream"),
    "model": ({"extra_params": {"model": "x"}}, ValidationError, "name it before the messages"),
    "limits": (
        {"extra_params": {"max_completion_tokens": 3}}, ProviderRequestError, "give one of them"),
    "tool": ({"tools": [WEATHER], "tool_choice": "nope"}, ProviderRequestError, "names 'nope'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_local_model_cannot_do_is_refused_by_name(tmp_path: Path, name: str) -> None:
    fields, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        answer_of_pool(tmp_path, "local:tiny", **fields)

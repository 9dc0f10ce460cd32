"""What a ring tells of models: which there are, what they can do, what fits, what was pinned."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from LLM.exceptions import LLMServerError
from llmring import LLMRequest, LLMRing
from llmring.exceptions import (
    LockfileError,
    ModelNotFoundError,
    ProviderAuthenticationError,
    ProviderContextLengthError,
    RegistryError,
)
from llmring.providers.base import BaseLLMProvider
from tests.llmring.registry.support import entry, registry_file
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer, hang
from tests.seed_002 import providers

HELLO = [{"role": "user", "content": "Hello!"}]
PINNED = """
[profiles.default.registry_versions]
openai = 3
[[profiles.default.bindings]]
alias = "ours"
models = ["openai:m"]
[profiles.loose]
"""


class Own(BaseLLMProvider):
    """A provider that tells its models, or fails to."""

    client = None

    def __init__(self, told: list[str] | Exception | None) -> None:
        super().__init__("own")
        self.told = told

    async def chat(self, call: Any) -> Any:
        raise AssertionError("no test here makes a call")

    def stream(self, call: Any) -> Any:
        raise AssertionError("no test here makes a call")

    async def list_models(self) -> list[str] | None:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


class Slow(Own):
    """One that takes its time."""

    async def list_models(self) -> list[str] | None:
        await asyncio.Event().wait()
        return None


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, where a lockfile is looked for; and no Ollama."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:1")
    return tmp_path


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a server."""
    with ExitStack() as stack:
        yield lambda script: stack.enter_context(ScriptedServer((script,)))


@pytest.fixture
def cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of their own for files that registries give."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


@pytest.fixture
def lists(folder: Path) -> str:
    """A registry whose model ``m`` costs as many dollars as the list's version, 3 or 4."""
    for version, place in [(3, "v/3"), (4, "")]:
        path = folder / "lists" / "openai" / place / "models.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(registry_file(entry("m", input=float(version)), version=version))
    return (folder / "lists").as_uri()


def with_ring(use: Callable[[LLMRing], Any], **settings: Any) -> Any:
    async def run() -> Any:
        try:
            async with LLMRing(**settings) as ring:
                return await use(ring)
        finally:
            await close_all_cloud_clients()

    return asyncio.run(run())


def asked(model: str, text: str = "Hello!", **fields: Any) -> LLMRequest:
    return LLMRequest(model=model, messages=[{"role": "user", "content": text}], **fields)


# Pins


def test_a_call_is_priced_and_told_by_the_pinned_list(
    folder: Path, lists: str, serve: Callable[..., ScriptedServer]
) -> None:
    (folder / "llmring.lock").write_text(PINNED)
    server = serve(providers.answer)

    async def use(ring: LLMRing) -> list[Any]:
        ring.register_provider("openai", api_key="sk-1", base_url=server.url)
        response = await ring.chat("ours", messages=HELLO)
        loose = await ring.chat("openai:m", "loose", messages=HELLO)
        told = [one.usage["cost_breakdown"]["input"] for one in (response, loose)]
        told += [ring.calculate_cost(response)["input_cost"]]
        told += [ring.calculate_cost(response, "loose")["input_cost"]]
        facts = [ring.get_model_info("openai:m", profile) for profile in (None, "loose")]
        return told + [one.dollars_per_million_tokens_input for one in facts]

    per_token = [3e-6, 4e-6, 3e-6, 4e-6]
    assert with_ring(use, registry_url=lists) == [*(3 * price for price in per_token), 3.0, 4.0]


def test_a_pin_that_cannot_be_had_fails_no_call(
    folder: Path, serve: Callable[..., ScriptedServer], caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "llmring.lock").write_text(PINNED.replace("openai:m", "openai:gpt-4o"))
    server = serve(providers.answer)

    async def use(ring: LLMRing) -> list[Any]:
        ring.register_provider("openai", api_key="sk-1", base_url=server.url)
        return [(await ring.chat("ours", messages=HELLO)).usage["cost_status"] for _ in range(3)]

    assert with_ring(use) == ["priced"] * 3
    warnings = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert ["version 3 of the list" in one.getMessage() for one in warnings] == [True]


def test_a_registry_is_read_while_the_model_answers(
    serve: Callable[..., ScriptedServer], cache: None
) -> None:
    was_asked = threading.Event()

    def registry(request: Request) -> bytes:
        was_asked.set()
        return wire.answer(registry_file(entry("m", input=7.0)))

    def provider(request: Request) -> bytes:
        assert was_asked.wait(5), "the registry is asked after the answer"
        return providers.answer(request)

    model, lists = serve(provider), serve(registry)

    async def use(ring: LLMRing) -> Any:
        ring.register_provider("openai", api_key="sk-1", base_url=model.url)
        chats = [ring.chat("openai:m", messages=HELLO) for _ in range(20)]
        return {one.usage["cost_breakdown"]["input"] for one in await asyncio.gather(*chats)}

    assert with_ring(use, registry_url=lists.url) == {3 * 7e-6}
    assert len(lists.requests) == 1


def test_a_call_that_fails_leaves_no_reading_behind(
    serve: Callable[..., ScriptedServer], cache: None
) -> None:
    model, lists = serve(wire.answer({"error": {"message": "no"}}, 401)), serve([hang])

    async def use(ring: LLMRing) -> None:
        ring.register_provider("openai", api_key="sk-1", base_url=model.url)
        await ring.chat("openai:m", messages=HELLO)

    with pytest.raises(ProviderAuthenticationError):
        with_ring(use, registry_url=lists.url)


def test_what_has_changed_since_a_pin_is_told(folder: Path, lists: str) -> None:
    (folder / "llmring.lock").write_text(PINNED)
    drift = with_ring(lambda ring: ring.registry_drift(), registry_url=lists)
    (change,) = drift["openai"].price_changes
    assert (change.model, change.pinned, change.current) == ("m", 3.0, 4.0)
    assert with_ring(lambda ring: ring.registry_drift("loose"), registry_url=lists) == {}


@pytest.mark.parametrize(
    ("profile", "error"), [(None, RegistryError), ("nope", LockfileError)], ids=["pin", "profile"]
)
def test_drift_from_what_is_not_there_is_an_error(
    folder: Path, profile: str | None, error: type[Exception]
) -> None:
    (folder / "llmring.lock").write_text(PINNED)
    with pytest.raises(error, match=r"version 3|nope"):
        with_ring(lambda ring: ring.registry_drift(profile))


# Which models there are


def test_models_are_told_of_providers_that_are_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-1")
    models = with_ring(lambda ring: ring.get_available_models())
    assert sorted(models) == ["anthropic", "local", "ollama"]
    assert (models["local"][0], models["ollama"]) == ("tiny", [])
    assert any(name.startswith("claude-") for name in models["anthropic"])


def test_ollama_tells_what_it_has_now(
    monkeypatch: pytest.MonkeyPatch, serve: Callable[..., ScriptedServer]
) -> None:
    monkeypatch.setenv("OLLAMA_BASE_URL", serve(providers.answer).url)
    models = with_ring(lambda ring: ring.get_available_models())
    assert models["ollama"] == providers.INSTALLED


@pytest.mark.parametrize(
    ("own", "models"),
    [
        (Own(["a", "b"]), ["a", "b"]),
        (Own(None), []),
        (Own(LLMServerError("it is ill")), []),
        (Slow(None), []),
    ],
    ids=["told", "not told", "failed", "too slow"],
)
def test_a_provider_of_ones_own_is_asked(
    own: Own, models: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "llmring")

    async def use(ring: LLMRing) -> Any:
        ring.register_provider("own", own)
        return (await ring.get_available_models())["own"]

    assert with_ring(use, timeout=0.6) == models
    failed = isinstance(own.told, Exception) or isinstance(own, Slow)
    assert ("own does not tell its models" in caplog.text) == failed


# What they can do


def test_a_listed_model_is_told_with_all_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    info = with_ring(lambda ring: ring.get_enhanced_model_info("openai:gpt-4o"))
    assert (info["provider"], info["model"]) == ("openai", "gpt-4o")
    assert (info["listed"], info["available"]) == (True, True)
    assert (info["max_input_tokens"], info["dollars_per_million_tokens_input"]) == (128_000, 2.5)


def test_a_model_that_nobody_lists_is_told_as_far_as_it_is_known() -> None:
    info = with_ring(lambda ring: ring.get_enhanced_model_info("openai:my-own"))
    assert (info["model"], info["listed"], info["available"]) == ("my-own", False, False)
    assert (info["max_input_tokens"], info["supports_vision"]) == (None, None)


def test_an_alias_is_told_by_the_model_that_is_asked_first() -> None:
    info = with_ring(lambda ring: ring.get_enhanced_model_info("fast"))
    assert (info["provider"], info["model"], info["dollars_per_million_tokens_input"]) == (
        "local", "tiny", 0.0,
    )  # fmt: skip


def test_what_is_no_alias_is_told_neither_way() -> None:
    with pytest.raises(LockfileError, match="did you mean 'fast'"):
        with_ring(lambda ring: ring.get_enhanced_model_info("fats"))
    with pytest.raises(ModelNotFoundError, match="did you mean 'openai:gpt-4o'"):
        LLMRing().get_model_info("openai:gpt4o")


# What fits


@pytest.mark.parametrize(
    ("request_", "problem"),
    [
        (asked("openai:gpt-4o"), None),
        (asked("openai:gpt-4o", "word " * 110_000), "has about 137,504 tokens, and openai:gpt-4o"),
        (asked("openai:gpt-4o", max_tokens=10**9), None),
        (asked("openai:my-own", "word " * 110_000), None),
        (asked("local:tiny"), None),
        (asked("local:tiny", "boat " * 3000), r"has 9,\d\d\d tokens, and local:tiny takes 2,047"),
        (asked("fast", "boat " * 3000), "local:tiny takes 2,047; shorten it"),
    ],
    ids=["fits", "long", "no limit known", "unknown", "local fits", "local long", "alias"],
)
def test_what_does_not_fit_is_told_before_it_is_sent(
    request_: LLMRequest, problem: str | None
) -> None:
    told = with_ring(lambda ring: ring.validate_context_limit(request_))
    if problem is None:
        assert told is None
    else:
        assert told is not None
        assert re.search(problem, told)


@pytest.mark.parametrize("max_tokens", [None, 4096, 4097], ids=str)
def test_an_answer_longer_than_the_model_writes_is_told(
    folder: Path, max_tokens: int | None
) -> None:
    path = folder / "lists" / "openai" / "models.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(registry_file(entry("m") | {"max_output_tokens": 4096}))
    request = asked("openai:m", max_tokens=max_tokens)
    told = with_ring(
        lambda ring: ring.validate_context_limit(request),
        registry_url=(folder / "lists").as_uri(),
    )
    expected = "max_tokens is 4,097, and openai:m writes at most 4,096"
    assert told == (expected if max_tokens == 4097 else None)


def test_a_prompt_that_just_fits_a_local_model_is_answered() -> None:
    async def use(ring: LLMRing) -> list[Any]:
        count = ring.get_provider("local").client.count_tokens
        n_words = 2047 - await count([{"role": "user", "content": ""}])
        told: list[Any] = []
        for text in (" a" * n_words, " a" * (n_words + 1)):
            fits = await ring.validate_context_limit(asked("local:tiny", text)) is None
            try:
                await ring.chat(asked("local:tiny", text, max_tokens=1))
            except ProviderContextLengthError:
                told.append((fits, "refused"))
            else:
                told.append((fits, "answered"))
        return told

    assert with_ring(use) == [(True, "answered"), (False, "refused")]


def test_a_request_that_cannot_work_is_no_question_of_its_length() -> None:
    with pytest.raises(ModelNotFoundError):
        with_ring(lambda ring: ring.validate_context_limit(asked("local:nope")))


def test_images_are_not_taken_for_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 10**6}}
    content = [{"type": "text", "text": "What is it?"}, image]
    request = LLMRequest(model="openai:gpt-4o", messages=[{"role": "user", "content": content}])
    assert with_ring(lambda ring: ring.validate_context_limit(request)) is None


def test_tools_and_calls_count_as_text() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "x" * 300_000}}
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "tool_calls": [call]}]
    tool = {"name": "f", "description": "y" * 300_000, "parameters": {}}
    request = LLMRequest(model="openai:gpt-4o", messages=messages, tools=[tool])
    told = with_ring(lambda ring: ring.validate_context_limit(request))
    assert told is not None
    assert "about 150," in told

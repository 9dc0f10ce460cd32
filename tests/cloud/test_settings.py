"""Settings of the provider clients: defaults, the environment, and what is refused."""

from __future__ import annotations

import inspect
import os
import sys
from typing import Any

import pytest

import cloud.llm
from cloud.llm import ClientConfig, LLMConfigError
from cloud.llm.config import FurtherSettings
from LLM import RetryPolicy

KEY = "sk-SECRET0123456789"

#: Each provider's own address and model, and where `from_env` finds its key and address.
DEFAULTS = {
    "OpenAICompat": (
        "https://api.openai.com/v1",
        "gpt-4o",
        ["OPENAI_API_KEY"],
        "OPENAI_BASE_URL",
    ),
    "Anthropic": (
        "https://api.anthropic.com",
        cloud.llm.AnthropicClient.default_model,
        ["ANTHROPIC_API_KEY"],
        "ANTHROPIC_BASE_URL",
    ),
    "Gemini": (
        "https://generativelanguage.googleapis.com",
        cloud.llm.GeminiClient.default_model,
        ["GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_API_KEY"],
        "GOOGLE_GEMINI_BASE_URL",
    ),
    "Ollama": ("http://127.0.0.1:11434", "qwen2.5:3b", ["OLLAMA_API_KEY"], None),
}
CLASSES = [f"{twin}{provider}Client" for provider in DEFAULTS for twin in ("", "Async")]
IN_THE_CLOUD = [name for name in CLASSES if "Ollama" not in name]
VARIABLES = [
    name
    for _, _, keys, address in DEFAULTS.values()
    for name in [*keys, address or "OLLAMA_HOST", "OLLAMA_BASE_URL"]
]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def client_class(name: str) -> Any:
    return getattr(cloud.llm, name)


def defaults(name: str) -> tuple[str, str, list[str], str | None]:
    return DEFAULTS[name.removeprefix("Async").removesuffix("Client")]


@pytest.mark.parametrize("name", CLASSES)
def test_defaults_are_the_providers_own(name: str) -> None:
    client = client_class(name)(api_key=KEY)
    assert (client.config.base_url, client.model) == defaults(name)[:2]


@pytest.mark.parametrize("name", IN_THE_CLOUD)
def test_a_call_may_take_two_minutes_and_three_more_tries(name: str) -> None:
    config = client_class(name)(api_key=KEY).config
    assert (config.timeout, config.max_retries) == (120.0, 3)


@pytest.mark.parametrize("name", IN_THE_CLOUD)
def test_the_providers_own_address_wants_a_key(name: str) -> None:
    with pytest.raises(LLMConfigError, match=f"{name} needs a key.*{defaults(name)[2][0]}"):
        client_class(name)()


@pytest.mark.parametrize("name", IN_THE_CLOUD)
def test_a_misspelt_key_is_not_a_missing_one(name: str) -> None:
    with pytest.raises(LLMConfigError, match="no setting 'apikey'; did you mean 'api_key'"):
        client_class(name)(apikey=KEY)


@pytest.mark.parametrize("name", CLASSES)
def test_another_address_needs_no_key(name: str) -> None:
    client = client_class(name)(base_url="http://127.0.0.1:9")
    assert client.config.api_key is None


@pytest.mark.parametrize("name", CLASSES)
def test_no_variable_is_read_unless_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in defaults(name)[2]:
        monkeypatch.setenv(variable, KEY)
    client = client_class(name)(base_url="http://127.0.0.1:9")
    assert client.config.api_key is None


@pytest.mark.parametrize("name", CLASSES)
def test_from_env_takes_the_first_key_there_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, variable in enumerate(defaults(name)[2]):
        monkeypatch.setenv(variable, f"{KEY}-{number}")
    client = client_class(name).from_env(model="m")
    assert (client.config.api_key, client.model) == (f"{KEY}-0", "m")


@pytest.mark.parametrize("name", [n for n in CLASSES if defaults(n)[3]])
def test_from_env_takes_the_address_beside_the_key(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, keys, address = defaults(name)
    monkeypatch.setenv(keys[0], KEY)
    monkeypatch.setenv(address or "", "http://127.0.0.1:9/v1")
    config = client_class(name).from_env().config
    assert (config.base_url, config.api_key) == ("http://127.0.0.1:9/v1", KEY)


@pytest.mark.parametrize("name", CLASSES)
def test_the_environments_key_goes_to_no_address_that_is_given(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in defaults(name)[2]:
        monkeypatch.setenv(variable, KEY)
    client = client_class(name).from_env(base_url="http://127.0.0.1:9")
    assert client.config.api_key is None


@pytest.mark.parametrize("name", IN_THE_CLOUD)
def test_from_env_without_a_key_says_which_it_looks_for(name: str) -> None:
    assert not set(defaults(name)[2]) & set(os.environ)
    with pytest.raises(LLMConfigError, match=defaults(name)[2][0]):
        client_class(name).from_env()


@pytest.mark.parametrize("name", CLASSES)
def test_a_client_prints_without_its_key(name: str) -> None:
    client = client_class(name)(api_key=KEY, headers={"X-Token": KEY})
    shown = f"{client!r} {client} {vars(client)!r} {client.config!r} {vars(client.codec)!r}"
    assert KEY not in shown
    assert client.model in repr(client)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "address": ({"base_url": "ftp://h"}, "base_url must look like"),
    "address-of-a-call": ({"base_url": "http://h/v1/chat/completions"}, "base_url ends in a call"),
    "timeout": ({"timeout": 0}, "timeout"),
    "timeout-text": ({"timeout": "soon"}, "timeout"),
    "retries": ({"max_retries": -1}, "max_retries"),
    "jitter": ({"jitter": 2}, "jitter"),
    "empty-key": ({"api_key": ""}, "api_key is empty"),
    "key-with-a-line-end": ({"api_key": KEY + "\n"}, "api_key has white space"),
    "key-in-bytes": ({"api_key": KEY.encode()}, "api_key must be text"),
    "header": ({"headers": {"X": "é"}}, "headers has a value for 'X'"),
    "headers-of-no-dict": ({"headers": "X: y"}, "headers must be a valid dict"),
    "framing-header": ({"headers": {"Host": "x"}}, "headers may not set 'Host'"),
    "policy": ({"retry_policy": 3}, "retry_policy is 3; give a RetryPolicy"),
    "policy-class": ({"retry_policy": RetryPolicy}, "give a RetryPolicy"),
    "of-an-answer": ({"seed": 3}, r"there are base_url, .* given to chat\(\)"),
    "model": ({"model": ""}, "model"),
    "unknown": ({"max_retrys": 1}, "no setting 'max_retrys'; did you mean 'max_retries'"),
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(("settings", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_setting_that_cannot_work_is_named(
    name: str, settings: dict[str, Any], problem: str
) -> None:
    with pytest.raises(LLMConfigError, match=problem) as caught:
        client_class(name)(**{"api_key": KEY, **settings})
    assert KEY not in repr(caught.value)


def test_the_policy_of_the_settings_jitters() -> None:
    policy = ClientConfig(base_url="http://h", model="m", retry_delay=2.0).retry_policy()
    assert isinstance(policy, RetryPolicy)
    assert (policy.base_delay, policy.jitter) == (2.0, 0.25)


TWINS = [(name, f"Async{name}") for name in CLASSES if not name.startswith("Async")]


def _surface(cls: type) -> dict[str, inspect.Signature]:
    """The public methods of a class, and what they take, whatever they give."""
    bare = inspect.Signature.empty
    return {
        name: inspect.signature(method).replace(return_annotation=bare)
        for name, method in inspect.getmembers(cls, callable)
        if not name.startswith("_") and not inspect.isclass(method)
    }


@pytest.mark.parametrize(("name", "twin"), TWINS, ids=[name for name, _ in TWINS])
def test_twins_have_the_same_methods_with_the_same_arguments(name: str, twin: str) -> None:
    blocking, coroutines = _surface(client_class(name)), _surface(client_class(twin))
    assert blocking == coroutines
    assert {"chat", "chat_stream", "events", "close", "from_env"} <= blocking.keys()
    for method in blocking:
        assert inspect.getdoc(getattr(client_class(twin), method)), method


@pytest.mark.parametrize(("name", "twin"), TWINS, ids=[name for name, _ in TWINS])
def test_twins_are_made_of_the_same_settings(name: str, twin: str) -> None:
    assert inspect.signature(client_class(name)) == inspect.signature(client_class(twin))


@pytest.mark.parametrize("name", CLASSES)
def test_constructors_name_every_setting(name: str) -> None:
    named = set(inspect.signature(client_class(name)).parameters) - {"retry_policy", "settings"}
    further = set(FurtherSettings.__annotations__)
    assert (named | further, named & further) == (set(ClientConfig.model_fields), set())


@pytest.mark.parametrize("name", [name for name in CLASSES if name.startswith("Async")])
def test_a_missing_aiohttp_is_named_with_what_brings_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "LLM.async_transport", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(LLMConfigError, match=rf"^{name} needs .* pip install '\.\[async\]'"):
        client_class(name)(api_key=KEY)

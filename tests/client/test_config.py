"""Settings: defaults of the reference, checks with clear errors, and a key that never prints."""

from __future__ import annotations

import logging
import pickle
from typing import Any

import pytest

from LLM import LLMConfig, LLMConfigError, LLMError, Secret

KEY = "sk-very-secret-key"


def test_defaults_are_those_of_the_reference() -> None:
    config = LLMConfig()
    assert (config.base_url, config.api_key, config.model) == (
        "http://127.0.0.1:8000", None, "gpt-4",
    )  # fmt: skip
    assert (config.temperature, config.max_tokens, config.timeout) == (0.7, None, 30)
    assert (config.max_retries, config.retry_delay) == (3, 1.0)


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000/v1"),
        ("https://api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
        ("https://openrouter.ai/api", "https://openrouter.ai/api/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
        ("https://host/v1beta/openai/", "https://host/v1beta/openai"),
        ("https://host/api/paas/v4", "https://host/api/paas/v4"),
    ],
)
def test_v1_is_added_once(base_url: str, root: str) -> None:
    assert LLMConfig(base_url=base_url).api_root == root


BAD = {
    "no-scheme": ({"base_url": "127.0.0.1:8000"}, "must look like"),
    "other-scheme": ({"base_url": "ftp://host"}, "must look like"),
    "no-host": ({"base_url": "http://"}, "must look like"),
    "bad-port": ({"base_url": "http://host:99999"}, "invalid port"),
    "zero-port": ({"base_url": "http://host:0"}, "must look like"),
    "line-break": ({"base_url": "http://host\r\nX: y"}, "white space, control"),
    "not-ascii": ({"base_url": "http://hóst"}, "non-ASCII"),
    "empty-url": ({"base_url": ""}, "is empty"),
    "password": ({"base_url": "http://user:pw@host"}, "give the key as api_key"),
    "query": ({"base_url": "http://host?x=1"}, "query"),
    "key-line-break": ({"api_key": KEY + "\n"}, "strip"),
    "key-inner-break": ({"api_key": "sk-\r\nsecret"}, "no HTTP header"),
    "key-not-ascii": ({"api_key": "sk-sécret-key"}, "no HTTP header"),
    "key-empty": ({"api_key": ""}, "is empty"),
    "key-with-scheme": ({"api_key": f"Bearer {KEY}"}, "give the key alone"),
    "hot": ({"temperature": 2.1}, "less than or equal to 2"),
    "cold": ({"temperature": -0.1}, "greater than or equal to 0"),
    "nan": ({"temperature": float("nan")}, "finite"),
    "no-time": ({"timeout": 0}, "greater than 0"),
    "forever": ({"timeout": float("inf")}, "finite"),
    "bool": ({"max_retries": True}, "finite number"),
    "text": ({"max_tokens": "many"}, "valid integer"),
    "negative": ({"retry_delay": -1}, "greater than or equal to 0"),
    "call-path": ({"base_url": "http://host/v1/chat/completions"}, "stop before"),
    "call-of-anthropic": ({"base_url": "http://host/v1/messages/"}, "stop before /messages"),
    "call-of-ollama": ({"base_url": "http://host/api/chat"}, "stop before /api/chat"),
    "framing": ({"headers": {"content-length": "3"}}, "may not set 'content-length'"),
    "mask": ({"api_key": "**********"}, "is a mask"),
    "header-name": ({"headers": {"a b": "c"}}, "invalid header name"),
    "header-value": ({"headers": {"a": "b\r\nc: d"}}, "cannot carry"),
    "misspelt": ({"temprature": 1}, "did you mean 'temperature'"),
    "strange": ({"colour": 1}, "there are base_url, api_key"),
    "no-model": ({"model": ""}, "at least 1 character"),
}


@pytest.mark.parametrize(("settings", "message"), BAD.values(), ids=BAD)
def test_a_setting_that_cannot_work_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(LLMConfigError, match=message) as caught:
        LLMConfig(**settings)
    assert next(iter(settings)) in str(caught.value)
    assert isinstance(caught.value, LLMError)
    assert isinstance(caught.value, ValueError)
    assert caught.value.__context__ is None, "a cause would show the rejected value"


def test_the_key_works_but_does_not_print(caplog: pytest.LogCaptureFixture) -> None:
    config = LLMConfig(api_key=KEY, headers={"X-Key": KEY})
    assert config.api_key == KEY
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("any").debug("%s %r %s", config.api_key, config, vars(config))
    shown = f"{config!r} {config} {vars(config)} {config.model_dump()} {config.api_key}"
    assert KEY not in shown + caplog.text + config.model_dump_json(exclude={"headers"})


def test_a_key_survives_copying_and_pickling() -> None:
    config = LLMConfig(api_key=KEY)
    for copy in (config.model_copy(update={"model": "m"}), pickle.loads(pickle.dumps(config))):
        assert copy.api_key == KEY
        assert KEY not in repr(copy)
    assert LLMConfig(**config.model_dump()) == config


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        LLMConfig().model = "other"  # type: ignore[misc]


def test_a_copy_is_checked_like_a_new_config() -> None:
    config = LLMConfig(api_key=KEY)
    assert KEY + "2" not in repr(config.model_copy(update={"api_key": KEY + "2"}))
    with pytest.raises(LLMConfigError, match="did you mean 'temperature'"):
        config.model_copy(update={"temprature": 1})


def test_the_environment_is_read_only_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://host/v1")
    assert LLMConfig().api_key is None
    assert LLMConfig.from_env().api_key == KEY
    assert LLMConfig.from_env().api_root == "http://host/v1"
    assert LLMConfig.from_env(base_url="http://own", model="m").base_url == "http://own"


def test_a_secret_of_a_secret_hides_the_same_text() -> None:
    assert Secret(Secret("sk-1")).get_secret_value() == "sk-1"

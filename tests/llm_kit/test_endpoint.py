"""Whom `llm-kit batch` asks, and which key may go there."""

from __future__ import annotations

from typing import Any

import pytest

import cloud.llm
from ai.ai_agents.providers import PROVIDERS as AGENTS_PROVIDERS
from llm_kit.cli.endpoint import PROVIDERS, endpoint
from llmring.lockfile.names import PROVIDER_KEYS

KEY = {"OPENAI_API_KEY": "sk-mine"}
NAMED = {**KEY, "OPENAI_BASE_URL": "https://proxy.example/v1"}


@pytest.mark.parametrize(
    ("provider", "base_url", "environ", "asked", "has_key"),
    [
        (None, None, KEY, "http://127.0.0.1:8000", False),
        (None, None, NAMED, "https://proxy.example/v1", True),
        ("openai", None, KEY, "https://api.openai.com/v1", True),
        ("openai", None, NAMED, "https://proxy.example/v1", True),
        (None, "https://api.openai.com", KEY, "https://api.openai.com", True),
        (None, "http://api.openai.com", KEY, "http://api.openai.com", False),
        (None, "https://api.openai.com.example", KEY, "https://api.openai.com.example", False),
        (None, "https://api.openai.com:444", KEY, "https://api.openai.com:444", False),
        (None, "https://proxy.example/other", NAMED, "https://proxy.example/other", True),
        (None, "https://else.example", NAMED, "https://else.example", False),
        ("openai", "https://else.example", KEY, "https://else.example", False),
        (None, "https://else.example:port", NAMED, "https://else.example:port", False),
        ("anthropic", None, {"ANTHROPIC_API_KEY": "k"}, "https://api.anthropic.com", True),
        ("anthropic", None, KEY, "https://api.anthropic.com", False),
    ],
    ids=["default", "environment", "provider", "provider, environment", "own address", "no TLS",
         "like the own", "another port", "another path", "elsewhere", "proxy", "no port",
         "anthropic", "another's key"],
)  # fmt: skip
def test_a_key_goes_where_its_owner_has_sent_it(
    provider: Any, base_url: str | None, environ: dict[str, str], asked: str, has_key: bool
) -> None:
    found = endpoint(provider, base_url, environ)
    assert (found.base_url, found.api_key is not None) == (asked, has_key)
    assert "sk-mine" not in repr(found)


@pytest.mark.parametrize(
    ("provider", "base_url", "prices"),
    [
        (None, None, None),
        (None, "https://api.openai.com/v1", "openai"),
        ("anthropic", "https://proxy.example", "anthropic"),
    ],
    ids=["own server", "own address", "proxy"],
)
def test_prices_hold_where_a_provider_answers(
    provider: Any, base_url: str | None, prices: str | None
) -> None:
    assert endpoint(provider, base_url, {}).prices == prices


@pytest.mark.parametrize("name", PROVIDERS)
def test_providers_are_told_as_their_clients_have_them(name: Any) -> None:
    # Told apart from the clients, since help loads click alone.
    told = PROVIDERS[name]
    client = getattr(cloud.llm, told.client or "OpenAICompatClient")
    if name == "groq":
        agents = AGENTS_PROVIDERS[name]
        assert (told.url, told.key_variables) == (agents.base_url, (agents.key_variable,))
    else:
        assert told.url == client.default_base_url
        assert told.key_variables == client.key_variables == PROVIDER_KEYS[name]
        assert told.url_variable == client.url_variable

"""The providers of a ring: made once, replaced, closed; what each lacks."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from llmring.exceptions import ConfigurationError, ProviderNotFoundError
from llmring.lockfile.types import ProviderEntry
from llmring.providers.base import BaseLLMProvider
from llmring.providers.catalog import ProviderCatalog


class Own(BaseLLMProvider):
    """A provider of a user's own, which counts how often it is closed."""

    def __init__(self, name: str = "own", error: Exception | None = None) -> None:
        super().__init__(name)
        self.n_closed = 0
        self._error = error

    @property
    def client(self) -> Any:
        return self

    async def chat(self, call: Any) -> Any:
        raise AssertionError("nobody asks it")

    def stream(self, call: Any) -> Any:
        raise AssertionError("nobody asks it")

    async def close(self) -> None:
        self.n_closed += 1
        if self._error:
            raise self._error


@pytest.fixture
def entries() -> dict[str, ProviderEntry]:
    return {}


@pytest.fixture
def catalog(entries: dict[str, ProviderEntry]) -> ProviderCatalog:
    return ProviderCatalog(lambda: entries, {})


def test_a_provider_is_made_once_whoever_asks(catalog):
    catalog.register("box", None, base_url="http://127.0.0.1:1")
    start, found = threading.Barrier(16), []

    def get() -> None:
        start.wait()
        found.append(catalog.get("Box"))

    threads = [threading.Thread(target=get) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(provider) for provider in found}) == 1


def test_a_changed_entry_of_the_lockfile_makes_another(catalog, entries):
    entries["box"] = ProviderEntry("box", "http://127.0.0.1:1")
    first = catalog.get("box")
    entries["box"] = ProviderEntry("box", "http://127.0.0.1:2")
    second = catalog.get("box")
    assert (second is first, catalog.get("box") is second) == (False, True)
    assert "127.0.0.1:2" in repr(second.chat_client)


def test_closing_closes_each_once_the_replaced_ones_too(catalog):
    first, second = Own(), Own()
    for provider in (first, second):
        catalog.register("own", provider)
        assert catalog.get("own") is provider
    asyncio.run(catalog.close())
    asyncio.run(catalog.close())
    assert (first.n_closed, second.n_closed) == (1, 1)


def test_closing_closes_what_was_registered_and_never_asked(catalog):
    replaced, kept = Own(), Own()
    for provider in (replaced, kept):
        catalog.register("own", provider)
    asyncio.run(catalog.close())
    assert (replaced.n_closed, kept.n_closed) == (1, 1)


def test_one_that_cannot_be_closed_keeps_no_other_open(catalog):
    providers = [Own("a", ZeroDivisionError()), Own("b")]
    for provider in providers:
        catalog.register(provider.name, provider)
        catalog.get(provider.name)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(catalog.close())
    assert [provider.n_closed for provider in providers] == [1, 1]


def test_a_closed_catalog_gives_none(catalog):
    catalog.register("own", Own())
    asyncio.run(catalog.close())
    with pytest.raises(ConfigurationError, match="this LLMRing is closed"):
        catalog.get("own")


@pytest.mark.parametrize("name", ["a b", "", "1x", 5, None], ids=repr)
def test_names_that_cannot_be_are_refused(catalog, name):
    with pytest.raises(ConfigurationError, match="cannot name a provider"):
        catalog.register(name, Own())


def test_settings_beside_a_made_provider_are_refused(catalog):
    with pytest.raises(ConfigurationError, match="'timeout' is given beside a provider"):
        catalog.register("own", Own(), timeout=3.0)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"base_url": "nope"}, "base_url"),
        ({"base_url": "http://127.0.0.1:1", "frob": 1}, "frob"),
        ({"base_url": "http://127.0.0.1:1", "timeout": -5}, "timeout"),
        ({"base_url": "http://127.0.0.1:1", "api_key": 5}, "api_key"),
    ],
)
@pytest.mark.parametrize("name", ["openai", "anthropic", "google", "box"])
def test_settings_that_cannot_work_are_told_when_they_are_given(catalog, name, settings, told):
    with pytest.raises(ConfigurationError, match=told):
        catalog.register(name, None, **settings)
    assert name not in catalog._registered


def test_a_missing_key_is_told_when_the_provider_is_registered(catalog):
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        catalog.register("openai", None)


def test_an_unknown_provider_is_named_with_the_nearest(catalog):
    with pytest.raises(ProviderNotFoundError, match=r"'opnai'.*did you mean 'openai'"):
        catalog.get("opnai")
    with pytest.raises(ProviderNotFoundError, match="give base_url="):
        catalog.register("box", None)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("openai", "OPENAI_API_KEY is not set"),
        ("google", "GEMINI_API_KEY is not set"),
        ("ollama", None),
        ("box", "BOX_KEY is not set"),
        ("OpenAI", "OPENAI_API_KEY is not set"),
        ("Box", "BOX_KEY is not set"),
        ("nobody", "there is no such provider"),
    ],
)
def test_what_a_provider_lacks_is_told(catalog, entries, name, reason):
    entries["box"] = ProviderEntry("box", "http://127.0.0.1:1", "BOX_KEY")
    assert catalog.why_unavailable(name) == reason
    assert catalog.is_available(name) == (reason is None)


def test_what_a_changed_entry_lacks_is_told_though_one_was_made(catalog, entries):
    entries["box"] = ProviderEntry("box", "http://127.0.0.1:1")
    catalog.get("box")
    assert catalog.is_available("box")
    entries["box"] = ProviderEntry("box", "http://127.0.0.1:1", "BOX_KEY")
    assert catalog.why_unavailable("box") == "BOX_KEY is not set"
    del entries["box"]
    assert catalog.why_unavailable("box") == "there is no such provider"


def test_providers_that_want_a_key_and_have_one_are_told(entries):
    environ = {"GOOGLE_API_KEY": "g", "OPENAI_API_KEY": "o"}
    assert ProviderCatalog(lambda: entries, environ).keyed == ["openai", "google"]


def test_an_engine_that_is_not_installed_is_told(catalog, monkeypatch):
    monkeypatch.setattr("llmring.providers.local.engines.has_engine", lambda: False)
    assert "no engine is installed" in catalog.why_unavailable("local")


def test_a_missing_key_of_the_lockfile_is_named(catalog, entries):
    entries["box"] = ProviderEntry("box", "http://127.0.0.1:1", "BOX_KEY")
    with pytest.raises(ConfigurationError, match="set BOX_KEY"):
        catalog.get("box")


@pytest.mark.parametrize(
    ("provider", "told"),
    [(Own, "provider is the class Own; "), (object(), "provider is of the class object; ")],
    ids=["class", "another object"],
)
def test_what_is_no_provider_is_not_registered(catalog, provider, told):
    with pytest.raises(ConfigurationError, match=told):
        catalog.register("own", provider)


def test_what_is_no_name_names_no_provider(catalog):
    with pytest.raises(ConfigurationError, match="None cannot name a provider"):
        catalog.get(None)


@pytest.mark.parametrize(
    ("name", "variable", "value"),
    [
        ("openai", "OPENAI_BASE_URL", "nope"),
        ("anthropic", "ANTHROPIC_BASE_URL", "ftp://a"),
        ("google", "GOOGLE_GEMINI_BASE_URL", "a b"),
        ("openai", "OPENAI_API_KEY", "sk-\u00fc"),
        ("google", "GOOGLE_API_KEY", "sk-\u00fc"),
    ],
)
def test_a_setting_of_the_environment_is_called_by_its_variable(
    entries, monkeypatch, name, variable, value
):
    key = {"google": "GOOGLE_API_KEY"}.get(name, f"{name.upper()}_API_KEY")
    for one, text in ((key, "sk-secret"), (variable, value)):
        monkeypatch.setenv(one, text)
    with pytest.raises(ConfigurationError, match=f"{name}.* is not set up: {variable} ") as caught:
        ProviderCatalog(lambda: entries).get(name)
    assert "sk-" not in str(caught.value)

"""The providers of one ring: which there are, which can be used, made when first asked for."""

from __future__ import annotations

import asyncio
import importlib
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any

from LLM.exceptions import LLMConfigError, LLMError
from LLM.extras import how_to_add
from llmring.exceptions import ConfigurationError, ProviderNotFoundError, wrap_exception
from llmring.lockfile.names import BUILTIN_PROVIDERS, PROVIDER_KEYS, is_provider, suggestion
from llmring.lockfile.types import ProviderEntry
from llmring.providers.base import BaseLLMProvider

# Imported when first used: each brings its client, and those aiohttp or an engine.
_CLASSES = {
    "openai": "llmring.providers.openai.provider:OpenAIProvider",
    "anthropic": "llmring.providers.anthropic.provider:AnthropicProvider",
    "google": "llmring.providers.google:GoogleProvider",
    "ollama": "llmring.providers.ollama.provider:OllamaProvider",
    "local": "llmring.providers.local.provider:LocalProvider",
}
_COMPATIBLE = "llmring.providers.openai.provider:CompatibleProvider"
#: Variables of addresses, which the clients read.
_URL_VARIABLES = {
    "openai": "OPENAI_BASE_URL",
    "anthropic": "ANTHROPIC_BASE_URL",
    "google": "GOOGLE_GEMINI_BASE_URL",
}
#: Settings by which a provider's client would make tries of its own.
_RETRY_SETTINGS = frozenset({"max_retries", "retry_policy"})


class ProviderCatalog:
    """The providers of a ring. Threads may share it.

    :param entries: gives what the lockfile's ``[providers]`` says now.
    :param environ: the environment variables, in which keys are.
    """

    def __init__(
        self,
        entries: Callable[[], Mapping[str, ProviderEntry]],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._entries = entries
        self._environ = environ
        self._registered: dict[str, BaseLLMProvider] = {}
        # Each with the lockfile's entry that it was made from, to notice when that changes.
        self._made: dict[str, tuple[ProviderEntry | None, BaseLLMProvider]] = {}
        # All that are to be closed, the replaced ones too: calls may be under way with them yet.
        self._owned: dict[int, BaseLLMProvider] = {}
        self._closed = False
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        """All that are known, in order."""
        return sorted({*BUILTIN_PROVIDERS, *self._entries(), *self._registered})

    @property
    def keyed(self) -> list[str]:
        """Those of the providers that want a key that are set up, in the usual order."""
        return [name for name in PROVIDER_KEYS if self.is_available(name)]

    def register(self, name: str, provider: BaseLLMProvider | None, **settings: Any) -> None:
        """Take `provider`, or one with these settings, for `name` from now on.

        :param settings: `api_key`, `base_url` and the other settings of the provider's client.
        :raises ConfigurationError: `name` cannot name a provider, a setting cannot work, or its key
            is missing.
        :raises ProviderNotFoundError: `name` is no known one, and there is no `base_url`.
        """
        if not is_provider(name):
            raise ConfigurationError(
                f"{name!r} cannot name a provider; give letters, digits, '-' and '_'"
            )
        _check_settings(provider, settings)
        if provider is not None and not isinstance(provider, BaseLLMProvider):
            what = provider.__name__ if isinstance(provider, type) else type(provider).__name__
            raise ConfigurationError(
                f"provider is {'the class' if isinstance(provider, type) else 'of the class'} "
                f"{what}; give an object of a class that derives from BaseLLMProvider"
            )
        name = name.lower()
        if provider is None and name not in _CLASSES and not settings.get("base_url"):
            raise self.unknown(name, "; for another one give base_url=…")
        if provider is None:
            # Made now, so that a setting that cannot work is told here, and no pool passes it over.
            provider = _made_of(name, settings)
        with self._lock:
            self._registered[name] = self._owned[id(provider)] = provider
            self._made.pop(name, None)

    def get(self, name: str) -> BaseLLMProvider:
        """The provider of that name, in any case.

        :raises ProviderNotFoundError: there is none.
        :raises LLMConfigError: it is not set up: it has no key, or a package is missing; or all
            were closed.
        """
        if not isinstance(name, str):
            raise ConfigurationError(f"{name!r} cannot name a provider; give text such as 'openai'")
        name = name.lower()
        entry = self._entries().get(name)
        made = self._made.get(name)
        if made is not None and made[0] == entry:
            return made[1]
        with self._lock:
            made = self._made.get(name)
            if made is not None and made[0] == entry:
                return made[1]
            if self._closed:
                raise ConfigurationError("this LLMRing is closed; make another one")
            provider = self._make(name, entry)
            self._owned[id(provider)] = provider
            self._made[name] = (entry, provider)
        return provider

    def is_available(self, name: str) -> bool:
        """Whether the provider is set up; nothing is sent to find out."""
        return self.why_unavailable(name) is None

    def why_unavailable(self, name: str) -> str | None:
        """What the provider of that name, in any case, lacks; None when it is set up."""
        name = name.lower()
        entry, made = self._entries().get(name), self._made.get(name)
        # One that was made had all it takes; looking variables up takes 1 µs each.
        if name in self._registered or (made is not None and made[0] == entry):
            return None
        if entry is not None:
            key = entry.api_key_env
            return f"{key} is not set" if key and not self._environ.get(key) else None
        if variables := PROVIDER_KEYS.get(name):
            is_set = any(self._environ.get(variable) for variable in variables)
            return None if is_set else f"{variables[0]} is not set"
        if name == "local":
            from llmring.providers.local.engines import has_engine

            return None if has_engine() else f"no engine is installed ({how_to_add('llama')})"
        return None if name in BUILTIN_PROVIDERS else "there is no such provider"

    def unknown(self, name: str, advice: str = "") -> ProviderNotFoundError:
        """The error for a name that no provider has; the caller raises it.

        :param advice: what else to do, behind the names that there are.
        """
        names = self.names
        return ProviderNotFoundError(
            f"unknown provider {name!r}; there are {', '.join(names)}"
            f"{suggestion(name, names)}{advice}"
        )

    async def close(self) -> None:
        """Close all that were made or registered, used or not. Safe to call again.

        :raises LLMError: one could not be closed; the others are.
        """
        with self._lock:
            self._closed = True
            owned, self._owned, self._made = self._owned, {}, {}
        closings = [provider.close() for provider in owned.values()]
        for outcome in await asyncio.gather(*closings, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _make(self, name: str, entry: ProviderEntry | None) -> BaseLLMProvider:
        if registered := self._registered.get(name):
            return registered
        if entry is not None:
            key = self._environ.get(entry.api_key_env) if entry.api_key_env else None
            if entry.api_key_env and not key:
                raise ConfigurationError(
                    f"provider {name!r} of the lockfile has no key; set {entry.api_key_env}"
                )
            provider: BaseLLMProvider = _class(_COMPATIBLE)(
                name, api_key=key, base_url=entry.base_url
            )
            return provider
        if name not in _CLASSES:
            raise self.unknown(name)
        try:
            made: BaseLLMProvider = _class(_CLASSES[name])(name)
        except LLMConfigError as err:
            # The client speaks of its own arguments, which who names a model does not know.
            lacking = self.why_unavailable(name) or self._in_variables(name, err.message)
            raise ConfigurationError(f"provider {name!r} is not set up: {lacking}") from err
        return made

    def _in_variables(self, name: str, problem: str) -> str:
        """What a client says of its settings, by the variables that they were taken from."""
        keys = [one for one in PROVIDER_KEYS.get(name, ()) if self._environ.get(one)]
        variables = {"base_url": _URL_VARIABLES.get(name), "api_key": keys[0] if keys else None}
        for setting, variable in variables.items():
            if variable is not None:
                problem = problem.replace(f"ClientConfig.{setting}", variable)
        return problem


def _check_settings(provider: BaseLLMProvider | None, settings: Mapping[str, Any]) -> None:
    """Refuse settings that would be lost, or are the ring's."""
    if provider is not None and settings:
        raise ConfigurationError(
            f"{min(settings)!r} is given beside a provider, which has its own; leave it out"
        )
    if asked := _RETRY_SETTINGS.intersection(settings):
        raise ConfigurationError(
            f"{min(asked)} is not a provider's here: the ring retries; set LLMRING_RETRY_ATTEMPTS"
        )


def _made_of(name: str, settings: dict[str, Any]) -> BaseLLMProvider:
    try:
        made: BaseLLMProvider = _class(_CLASSES.get(name, _COMPATIBLE))(name, **settings)
    except LLMError as err:
        raise wrap_exception(err, provider=name) from err
    return made


def _class(home: str) -> Callable[..., Any]:
    module, _, name = home.partition(":")
    made: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return made

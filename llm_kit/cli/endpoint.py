"""Whom a job asks: which address, and which key may go there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from LLM.config import DEFAULT_BASE_URL

ProviderName = Literal["openai", "anthropic", "google", "groq"]


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider.

    :param url: its own address.
    :param key_variables: variables of its key, the first of which counts that is set.
    :param url_variable: that names another address of it; None for none.
    :param client: class in `cloud.llm` that speaks its language; None where that is OpenAI's.
    :param is_priced: the registry has the prices of its models.
    """

    url: str
    key_variables: tuple[str, ...]
    url_variable: str | None = None
    client: str | None = None
    is_priced: bool = True


PROVIDERS: dict[ProviderName, Provider] = {
    "openai": Provider("https://api.openai.com/v1", ("OPENAI_API_KEY",), "OPENAI_BASE_URL"),
    "anthropic": Provider(
        "https://api.anthropic.com",
        ("ANTHROPIC_API_KEY",),
        "ANTHROPIC_BASE_URL",
        "AnthropicClient",
    ),
    "google": Provider(
        "https://generativelanguage.googleapis.com",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_API_KEY"),
        "GOOGLE_GEMINI_BASE_URL",
        "GeminiClient",
    ),
    "groq": Provider("https://api.groq.com/openai/v1", ("GROQ_API_KEY",), is_priced=False),
}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address with its language and its key.

    :param provider: whose language is spoken.
    :param prices: whose prices hold there; None where no list has them.
    :param key_variable: of the key that there is; None for no key.
    :param is_own: it is the provider's own address.
    :param is_key_kept: there is a key, which does not go to this address.
    """

    provider: ProviderName
    base_url: str
    api_key: str | None = field(repr=False)
    prices: ProviderName | None
    key_variable: str | None
    is_own: bool
    is_key_kept: bool


def endpoint(
    provider: ProviderName | None, base_url: str | None, environ: Mapping[str, str]
) -> Endpoint:
    """The address that options and environment name.

    A key goes to the provider's own address and to the one that the environment names, for whoever
    has set the key has set that. Any other address gets none.

    :param provider: None means OpenAI's language, at whatever address that is spoken.
    :param base_url: None means the environment's, then the provider's own, then a server on this
        machine.
    """
    name: ProviderName = provider or "openai"
    one = PROVIDERS[name]
    named = None if one.url_variable is None else environ.get(one.url_variable)
    url = base_url or named or (one.url if provider else DEFAULT_BASE_URL)
    is_own = _origin(url) == _origin(one.url)
    variable = next((name for name in one.key_variables if environ.get(name)), None)
    key = None if variable is None else environ[variable]
    may_have_it = is_own or (named is not None and _origin(url) == _origin(named))
    return Endpoint(
        provider=name,
        base_url=url,
        api_key=key if may_have_it else None,
        # Who names a provider beside an address speaks of a proxy before it.
        prices=name if one.is_priced and (is_own or provider) else None,
        key_variable=variable,
        is_own=is_own,
        is_key_kept=key is not None and not may_have_it,
    )


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port
    except ValueError:  # no port; the client says so
        return "", url, None

"""Who is at an address: the provider's name as the conventions have it, the host and the port."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

#: What an unknown OpenAI-compatible address is: the conventions' name tells the API's flavour, and
#: `server.address` tells who it is.
DEFAULT_PROVIDER = "openai"

#: Ends of host names, the longest that fits wins.
_PROVIDERS = {
    "api.openai.com": "openai",
    "openai.azure.com": "azure.ai.openai",
    "cognitiveservices.azure.com": "azure.ai.openai",
    "services.ai.azure.com": "azure.ai.inference",
    "models.ai.azure.com": "azure.ai.inference",
    "anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "gcp.gemini",
    "aiplatform.googleapis.com": "gcp.vertex_ai",
    "amazonaws.com": "aws.bedrock",
    "api.cohere.com": "cohere",
    "api.cohere.ai": "cohere",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.mistral.ai": "mistral_ai",
    "api.perplexity.ai": "perplexity",
    "api.x.ai": "x_ai",
    "ml.cloud.ibm.com": "ibm.watsonx.ai",
}


class Peer(NamedTuple):
    """Who is asked.

    :param provider: as `gen_ai.provider.name` has it.
    :param address: host name or address; None in this process.
    :param port: of the address.
    """

    provider: str
    address: str | None = None
    port: int | None = None


@lru_cache(maxsize=1024)
def peer_of(url: str, provider: str | None = None) -> Peer:
    """Who is at `url`.

    :param url: an absolute http or https address.
    :param provider: the provider's name where the client knows it; None tells it by the host.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return Peer(provider or _provider(host), host, port)


def _provider(host: str) -> str:
    """Of ``eu.api.openai.com`` as of ``api.openai.com``; not of ``notapi.openai.com.example``."""
    labels = host.split(".")
    for start in range(len(labels)):
        found = _PROVIDERS.get(".".join(labels[start:]))
        if found is not None:
            return found
    return DEFAULT_PROVIDER

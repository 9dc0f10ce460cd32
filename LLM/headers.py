"""Headers of a client's requests."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from LLM._version import __version__
from LLM.config import LLMConfig
from LLM.secrets import Secret


def request_headers(config: LLMConfig) -> dict[str, str]:
    """Headers of every request; the config's replace ours, whatever their case."""
    return merged_headers(bearer(config.api_key), config.headers)


def bearer(api_key: str | None) -> dict[str, str]:
    """The header that carries `api_key`; none for None."""
    return {} if api_key is None else {"Authorization": Secret("Bearer " + api_key)}


def merged_headers(credentials: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Headers of every request: ours, which `theirs` replace, whatever their case.

    :param credentials: headers that the API wants from everyone, the key's among them.
    :param theirs: headers that the user has set.
    """
    ours = {
        "Accept": "application/json",
        "User-Agent": f"llm-kit/{__version__} Python/{sys.version_info[0]}.{sys.version_info[1]}",
        **credentials,
    }
    replaced = {name.lower() for name in theirs}
    kept = {name: value for name, value in ours.items() if name.lower() not in replaced}
    return {**kept, **theirs}

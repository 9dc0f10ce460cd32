"""Headers of a client's requests."""

from __future__ import annotations

import sys

from LLM._version import __version__
from LLM.config import LLMConfig
from LLM.secrets import Secret


def request_headers(config: LLMConfig) -> dict[str, str]:
    """Headers of every request; the config's replace ours, whatever their case."""
    ours = {
        "Accept": "application/json",
        "User-Agent": f"llm-kit/{__version__} Python/{sys.version_info[0]}.{sys.version_info[1]}",
    }
    if config.api_key is not None:
        ours["Authorization"] = Secret("Bearer " + config.api_key)
    theirs = {name.lower() for name in config.headers}
    kept = {name: value for name, value in ours.items() if name.lower() not in theirs}
    return kept | config.headers

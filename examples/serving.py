"""A server for the examples that call one; not an example itself.

``OPENAI_BASE_URL`` names a server, ``OPENAI_API_KEY`` its key and ``OPENAI_MODEL`` the model.
Without an address the server of ``local-llm-kit serve --model tiny`` runs in this process.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from LLM import LLMConfig
from local_llm_kit.server import LocalServer, ServerOptions


@contextlib.contextmanager
def any_server() -> Iterator[LLMConfig]:
    """Settings for a client, good for as long as the block lasts."""
    model = os.environ.get("OPENAI_MODEL", "tiny")
    if os.environ.get("OPENAI_BASE_URL"):
        yield LLMConfig.from_env(model=model)
        return
    with LocalServer("tiny", ServerOptions(port=0)).running() as server:
        yield LLMConfig(base_url=server.url, model="tiny")

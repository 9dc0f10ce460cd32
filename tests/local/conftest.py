"""One model and one server for all tests of the local engine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_llm_kit import LLMClient
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.server import LocalServer
from tests.local.support import running_engine, running_server


@pytest.fixture(scope="session")
def client() -> Iterator[LLMClient]:
    with LLMClient("tiny") as client:
        yield client


@pytest.fixture(scope="session")
def engine() -> Iterator[LlamaCppEngine]:
    with running_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
def server() -> Iterator[LocalServer]:
    with running_server() as server:
        yield server

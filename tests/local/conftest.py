"""One model and one server for all tests of the local engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_llm_kit import LLMClient
from local_llm_kit.engines.llama_cpp import LlamaCppEngine
from local_llm_kit.server import LocalServer
from tests.local.support import TINY, running_engine, running_server


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


@pytest.fixture(scope="session")
def tiny_f32(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """tiny with the weights as they were trained: sums that do not depend on a batch's shape."""
    from tiny_model.to_gguf import convert

    path = tmp_path_factory.mktemp("f32") / "tiny-f32.gguf"
    convert(TINY.parent, path, "F32")
    return path

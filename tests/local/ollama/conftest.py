"""A scripted Ollama server, and a model of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local_llm_kit.engines.ollama import OllamaModel
from tests.local.ollama.fake import (
    FakeOllama,
    fake_ollama,
)
from tests.local.ollama.support import load


@pytest.fixture
def fake() -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        yield fake


@pytest.fixture
def model(fake: FakeOllama) -> Iterator[OllamaModel]:
    model = load(fake)
    yield model
    model.close()

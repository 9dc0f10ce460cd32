"""Fetching and removing models at an Ollama server."""

from __future__ import annotations

import pytest

from LLM import LLMConfigError, LLMConnectionError, LLMResponseError, LLMServerError
from local_llm_kit import ModelNotFoundError
from local_llm_kit.engines.ollama import OllamaOptions
from local_llm_kit.engines.ollama.administration import pull_model, remove_model
from tests.local.ollama.fake import FakeOllama, ndjson

pytestmark = pytest.mark.slow


def test_a_model_is_fetched_and_its_steps_are_told(fake: FakeOllama) -> None:
    steps = [{"status": "pulling", "completed": 1, "total": 2}, {"status": "success"}]
    fake.script("/api/pull", *ndjson(*steps))
    seen: list[tuple[str, int, int]] = []
    options = OllamaOptions(fake.host, progress=lambda *step: seen.append(step))
    assert pull_model("llama3.2", options) == f"http://{fake.host}"
    assert seen == [("pulling", 1, 2), ("success", 0, 0)]
    assert fake.bodies("/api/pull") == [{"model": "llama3.2"}]


def test_a_download_that_breaks_off_is_no_success(fake: FakeOllama) -> None:
    fake.script("/api/pull", *ndjson({"status": "pulling"}))
    with pytest.raises(LLMResponseError, match="before 'x' is downloaded; try again"):
        pull_model("x", OllamaOptions(fake.host))


def test_the_servers_reason_is_told(fake: FakeOllama) -> None:
    fake.script("/api/pull", *ndjson({"error": "pull model manifest: file does not exist"}))
    with pytest.raises(LLMServerError, match="file does not exist"):
        pull_model("x", OllamaOptions(fake.host))


def test_a_model_is_removed(fake: FakeOllama) -> None:
    assert remove_model("tiny", OllamaOptions(fake.host)) == f"http://{fake.host}"
    assert "tiny" not in fake.models
    assert fake.bodies("/api/delete") == [{"model": "tiny"}]


def test_a_model_that_is_not_there_cannot_be_removed(fake: FakeOllama) -> None:
    with pytest.raises(ModelNotFoundError):
        remove_model("other", OllamaOptions(fake.host))


def test_nobody_listening_is_said(unused_tcp_port: int) -> None:
    with pytest.raises(LLMConnectionError, match="ollama serve"):
        remove_model("x", OllamaOptions(f"127.0.0.1:{unused_tcp_port}"))


def test_a_wrong_address_is_refused() -> None:
    with pytest.raises(LLMConfigError, match="which is no address"):
        pull_model("x", OllamaOptions("http://[::1"))


@pytest.fixture
def unused_tcp_port() -> int:
    """A port at which nobody listens."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as holder:
        return int(holder.getsockname()[1])

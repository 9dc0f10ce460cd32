"""What the tests of providers' batch endpoints share: servers, jobs, and no sleep that is real."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from LLM.batch.stop import Stop
from tests.batch_provider.fake_provider import FakeOpenAI, serving


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep, none of which is real."""
    seconds: list[float] = []
    monkeypatch.setattr(Stop, "sleep", lambda self, pause_s: seconds.append(pause_s))
    return seconds


@pytest.fixture
def openai() -> FakeOpenAI:
    return FakeOpenAI()


@pytest.fixture
def url(openai: FakeOpenAI, slept: list[float]) -> Iterator[str]:
    """Address of `openai`."""
    with serving(openai) as address:
        yield address

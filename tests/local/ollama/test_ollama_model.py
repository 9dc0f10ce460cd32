"""How a model of an Ollama server is found, and what is told of it."""

from __future__ import annotations

import io

import pytest

from LLM.exceptions import (
    LLMConfigError,
    LLMResponseError,
    ModelNotFoundError,
)
from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.ollama import OllamaModel
from local_llm_kit.engines.ollama.progress import ProgressLine, chosen_progress
from tests.local.ollama.fake import (
    SHOWN,
    FakeOllama,
    ndjson,
)
from tests.local.ollama.support import chat, load

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("shown", "asked", "window"),
    [
        (SHOWN, None, 512),
        (SHOWN, 1024, 1024),
        (SHOWN | {"parameters": ""}, None, 2048),
        (SHOWN | {"parameters": "num_ctx 1.048576e+06"}, None, 1_048_576),
        (SHOWN | {"model_info": {}, "parameters": ""}, None, 8192),
        ({"model_info": {"general.architecture": "x", "x.context_length": 131_072}}, None, 8192),
    ],
    ids=["Modelfile", "asked for", "the model's", "a million", "not told", "bounded"],
)
def test_the_window_is_chosen(
    fake: FakeOllama, shown: JSONObject, asked: int | None, window: int
) -> None:
    fake.models["tiny"] = shown
    model = load(fake, context_length=asked)
    model.close()
    assert model.info.context_length == window


def test_a_window_larger_than_the_models_is_refused(fake: FakeOllama) -> None:
    with pytest.raises(LLMConfigError, match=r"context_length is 4096.*1 to 2,048"):
        load(fake, context_length=4096)


def test_a_missing_model_is_told_with_what_is_near(fake: FakeOllama) -> None:
    with pytest.raises(ModelNotFoundError, match=r"'tinny'.*near: 'tiny'.*ollama pull tinny"):
        load(fake, "tinny")


def test_a_model_that_goes_missing_is_told_so(fake: FakeOllama, model: OllamaModel) -> None:
    fake.models.clear()
    with pytest.raises(ModelNotFoundError, match="ollama pull tiny"):
        chat(model)


def test_a_model_is_pulled_when_asked_for(fake: FakeOllama) -> None:
    told: list[tuple[str, int, int]] = []
    fake.script("/api/show", *ndjson({"error": "model 'new' not found"}), status=404)
    fake.models["new"] = SHOWN
    fake.script("/api/pull", *ndjson(
        {"status": "pulling", "completed": 3, "total": 9}, {"status": "success"}
    ))  # fmt: skip
    load(fake, "new", pull=True, progress=lambda *step: told.append(step)).close()
    assert told == [("pulling", 3, 9), ("success", 0, 0)]


def test_a_line_shows_how_a_download_goes() -> None:
    out = io.StringIO()
    line = ProgressLine(out)
    for step in [("pulling \x1b[2J", 1, 4), ("pulling \x1b[2J", 1, 4), ("success", 0, 0)]:
        line(*step)
    shown = [text.rstrip(" ") for text in out.getvalue().split("\r")]
    assert shown == ["", "pulling ?[2J: 25 % of 0.00 GB", "success" + " " * 71 + "\n"]


@pytest.mark.parametrize(("asked", "is_told"), [(None, False), (False, False), (True, True)])
def test_without_a_terminal_no_progress_is_shown(
    monkeypatch: pytest.MonkeyPatch, asked: bool | None, is_told: bool
) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert (chosen_progress(asked) is not None) is is_told


def test_a_download_that_breaks_off_is_no_success(fake: FakeOllama) -> None:
    fake.script("/api/pull", *ndjson({"status": "pulling"}))
    with pytest.raises(LLMResponseError, match="ends before 'new' is downloaded"):
        load(fake, "new", pull=True)


def test_the_servers_models_are_listed_its_own_first(fake: FakeOllama, model: OllamaModel) -> None:
    fake.models["other:1b"] = SHOWN
    assert model.models() == ["tiny", "tiny:latest", "other:1b"]

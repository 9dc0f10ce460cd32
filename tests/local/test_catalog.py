"""The models of one client: its own, and those that calls name."""

from __future__ import annotations

import asyncio
import gc
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from LLM import LLMConfigError, LLMRateLimitError
from local_llm_kit import AsyncLLMClient, LLMClient, ModelNotFoundError
from local_llm_kit.model_files import BUNDLED

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]


@pytest.fixture
def boat(tmp_path: Path) -> Path:
    """A second model."""
    return Path(shutil.copy(BUNDLED["tiny"], tmp_path / "boat.gguf"))


def loaded(client: LLMClient) -> list[str]:
    return [one.name for one in client._catalog._pool.loaded() if one.state == "ready"]


def answer(client: LLMClient, **fields: Any) -> str | None:
    return client.chat.completions.create(messages=HELLO, max_tokens=1, **fields).model


def test_a_call_may_name_another_model_which_is_loaded_then(boat: Path) -> None:
    with LLMClient("tiny", context_length=256, n_slots=1) as client:
        assert answer(client, model=str(boat)) == "boat"
        assert answer(client) == answer(client, model="tiny") == "tiny"
        assert loaded(client) == ["tiny", str(boat)]
        assert client.models.list().data[0].id == "tiny"
        assert str(boat) in [model.id for model in client.models.list().data]


def test_other_calls_may_name_it_too(boat: Path) -> None:
    question = {"type": "predicate", "instructions": "It is a boat."}
    with LLMClient("tiny", n_slots=1) as client:
        other = str(boat)
        assert client.completions.create(prompt="A", model=other, max_tokens=1).model == "boat"
        assert client.embeddings.create(input="A", model=other).model == "boat"
        assert client.decisions.create(input="A", questions=[question], model=other).model == "boat"


def test_the_clients_own_model_answers_to_both_its_names(boat: Path) -> None:
    with LLMClient(str(boat), context_length=256, n_slots=1) as client:
        assert answer(client, model="boat") == answer(client, model=str(boat)) == "boat"
        assert loaded(client) == [str(boat)]


def test_a_name_that_is_nowhere_is_not_found_and_hurts_nobody(boat: Path) -> None:
    with LLMClient("tiny", context_length=256, n_slots=1) as client:
        with pytest.raises(ModelNotFoundError, match="no model 'gpt-4'"):
            answer(client, model="gpt-4")
        assert answer(client) == "tiny"


def test_the_environments_one_model_is_no_answer_to_every_name(
    boat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", str(boat))
    with LLMClient(context_length=256, n_slots=1) as client:
        assert answer(client) == "boat"
        with pytest.raises(ModelNotFoundError):
            answer(client, model="gpt-4")


def test_a_model_is_loaded_by_name_before_any_call(boat: Path) -> None:
    with LLMClient("tiny", context_length=256, n_slots=1) as client:
        facts = client.load(str(boat))
        assert (facts.name, client.load().name) == ("boat", "tiny")
        assert loaded(client) == ["tiny", str(boat)]
        with pytest.raises(ModelNotFoundError):
            client.load("gpt-4")


@pytest.mark.parametrize("text", ["Hello!", HELLO], ids=["text", "messages"])
def test_tokens_are_counted_by_the_model_that_is_named(boat: Path, text: Any) -> None:
    with LLMClient("tiny", context_length=256, n_slots=1) as client:
        assert client.count_tokens(text, model=str(boat)) == client.count_tokens(text)
        assert loaded(client) == ["tiny", str(boat)]
        with pytest.raises(ModelNotFoundError):
            client.count_tokens(text, model="gpt-4")


@pytest.mark.parametrize("own", ["tiny", "boat"])
def test_a_bundled_model_is_not_loaded_to_learn_that_another_is_meant(boat: Path, own: str) -> None:
    other = Path(shutil.copy(boat, boat.with_name("sea.gguf")))

    async def run() -> list[str]:
        client = AsyncLLMClient(own if own == "tiny" else boat, context_length=256, n_slots=1)
        await client.load(str(other))
        names = [one.name for one in client._catalog.loaded()]
        await client.close()
        return names

    # What the answers of a file carry is known when it is loaded.
    assert asyncio.run(run()) == ([] if own == "tiny" else [str(boat)]) + [str(other)]


def test_the_environments_one_model_answers_to_its_own_name(
    boat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", str(boat))
    with LLMClient("tiny", context_length=256, n_slots=1) as client:
        assert answer(client, model="boat") == "boat"
        with pytest.raises(ModelNotFoundError):
            answer(client, model="gpt-4")


def test_the_environments_folder_is_no_answer_to_every_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", str(BUNDLED["tiny"].parent))
    client = LLMClient("tiny", context_length=256, n_slots=1)
    with client, pytest.raises(ModelNotFoundError):
        answer(client, model="gpt-4")


def test_the_environments_folder_is_looked_in(boat: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", str(boat.parent))
    with LLMClient("tiny", context_length=256, n_slots=1) as client:
        assert answer(client, model="boat") == "boat"


def test_many_callers_load_a_model_once(boat: Path) -> None:
    with LLMClient("tiny", n_slots=4) as client:
        threads = [
            threading.Thread(target=answer, args=(client,), kwargs={"model": str(boat)})
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert loaded(client) == ["tiny", str(boat)]


def test_a_model_is_closed_after_its_keep_alive_and_loaded_again(boat: Path) -> None:
    with LLMClient("tiny", context_length=256, n_slots=1, keep_alive=0) as client:
        end = time.monotonic() + 10
        while loaded(client) and time.monotonic() < end:
            time.sleep(0.001)
        assert loaded(client) == []
        assert client.info.name == "tiny"
        with pytest.raises(LLMConfigError, match="not loaded"):
            client.stats  # noqa: B018
        assert answer(client) == "tiny"


def test_a_memory_budget_closes_the_model_that_was_used_least_recently(boat: Path) -> None:
    with LLMClient("tiny", n_slots=1, memory_budget="12MiB") as client:  # one takes 9.3 at least
        assert answer(client, model=str(boat)) == "boat"
        assert loaded(client) == [str(boat)]
        assert answer(client) == "tiny"
        assert loaded(client) == ["tiny"]
        with client.chat.completions.create(messages=HELLO, stream=True) as stream:
            next(stream)
            with pytest.raises(LLMRateLimitError, match=r"in use.*'tiny'") as caught:
                answer(client, model=str(boat))
        assert caught.value.code == "models_in_use"


def test_a_stream_keeps_its_model(boat: Path) -> None:
    with LLMClient("tiny", n_slots=1, keep_alive=0) as client:
        with client.chat.completions.create(messages=HELLO, stream=True, temperature=0) as stream:
            next(stream)
            client._catalog._pool.close_idle()
            assert loaded(client) == ["tiny"]
            text = stream.response.text
        assert text


@pytest.mark.slow
def test_a_dropped_stream_lets_its_model_go() -> None:
    with LLMClient("tiny", n_slots=1) as client:
        stream = client.chat.completions.create(messages=HELLO, stream=True)
        assert [one.n_leases for one in client._catalog._pool.loaded()] == [1]
        del stream
        gc.collect()
        assert [one.n_leases for one in client._catalog._pool.loaded()] == [0]


@pytest.mark.parametrize(
    "value", [-1, "soon", float("nan"), True, [5], pytest.param(10**400, id="huge")], ids=repr
)
def test_a_keep_alive_that_is_no_time_is_refused(value: Any) -> None:
    with pytest.raises(LLMConfigError, match="keep_alive is"):
        LLMClient("tiny", keep_alive=value)

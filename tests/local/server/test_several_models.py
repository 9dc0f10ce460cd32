"""Several models behind one server: loaded at first need, once, within the budget."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from LLM.exceptions import InvalidRequestError, LLMConfigError, LLMError
from local_llm_kit import catalog, hub_cache
from local_llm_kit.loading import LoadOptions
from local_llm_kit.model_files import BUNDLED
from local_llm_kit.server import LocalServer, ServerOptions
from tests.local.fake_hub import running_hub
from tests.local.http import ask, connect, request
from tests.local.server.models import copy_of_tiny, metric, until
from tests.local.support import running_server

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
CHAT = "/v1/chat/completions"
SMALL = LoadOptions(n_slots=1, context_length=256)
ENDLESS = {"messages": HELLO, "stream": True, "logit_bias": {"0": -100, "1": -100, "2": -100}}


def chat(server: LocalServer, model: str | None = None) -> Any:
    return ask(server.url, CHAT, {"model": model, "messages": HELLO, "max_tokens": 1})


def loaded(server: LocalServer) -> list[str]:
    return [Path(one.name).stem for one in server.catalog.loaded() if one.state == "ready"]


def count_loads(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The models that are loaded from now on."""
    models: list[Any] = []
    load = catalog.load_model

    def noted(model: Any, *args: Any, **options: Any) -> Any:
        models.append(model)
        return load(model, *args, **options)

    monkeypatch.setattr(catalog, "load_model", noted)
    return models


def test_a_further_model_is_loaded_at_first_need(tmp_path: Path) -> None:
    with running_server(SMALL, models=[copy_of_tiny(tmp_path, "boat")]) as server:
        assert loaded(server) == ["tiny"]
        assert "boat" in [one["id"] for one in ask(server.url, "/v1/models").json["data"]]
        assert chat(server, "boat").json["model"] == "boat"
        assert loaded(server) == ["tiny", "boat"]
        assert chat(server).json["model"] == chat(server, "tiny").json["model"] == "tiny"


def test_a_tag_that_says_the_latest_says_nothing(tmp_path: Path) -> None:
    boat = copy_of_tiny(tmp_path, "boat")
    with running_server(SMALL, models=[boat], aliases=["ship"], strict_model=True) as server:
        for name, model in (
            ("tiny:latest", "tiny"),
            ("boat:latest", "boat"),
            ("ship:latest", "tiny"),
        ):
            assert chat(server, name).json["model"] == model


def test_twenty_requests_for_a_model_that_is_not_there_load_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    boat = copy_of_tiny(tmp_path, "boat")
    with running_server(models=[boat]) as server, ThreadPoolExecutor(20) as threads:
        loads = count_loads(monkeypatch)
        answers = list(threads.map(lambda _: chat(server, "boat"), range(20)))
        assert [answer.json["model"] for answer in answers] == ["boat"] * 20
        assert loads == [boat]


def test_within_a_budget_the_first_leaves_and_comes_back(tmp_path: Path) -> None:
    load = LoadOptions(n_slots=1, memory_budget="12MiB")  # one takes 9.3 at least
    with running_server(load, models=[copy_of_tiny(tmp_path, "boat")]) as server:
        assert chat(server, "boat").json["model"] == "boat"
        until(lambda: loaded(server) == ["boat"])
        assert chat(server).json["model"] == "tiny"
        until(lambda: loaded(server) == ["tiny"])


def test_a_model_waits_for_those_in_use_to_make_room(tmp_path: Path) -> None:
    load = LoadOptions(n_slots=1, memory_budget="12MiB")
    with running_server(load, models=[copy_of_tiny(tmp_path, "boat")]) as server:
        with connect(server.url) as sock:
            sock.sendall(request(server.url, CHAT, ENDLESS))
            sock.recv(500)
            thread = threading.Thread(target=chat, args=(server, "boat"))
            thread.start()
            thread.join(0.1)
            assert loaded(server) == ["tiny"]
        thread.join(20)
        assert loaded(server) == ["boat"]


def test_models_that_wait_do_not_hold_up_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, load = threading.Event(), catalog.load_model
    waiting = [copy_of_tiny(tmp_path, name) for name in ("boat", "ship", "raft")]

    def load_later(model: Any, *args: Any, **options: Any) -> Any:
        assert model not in waiting or goes_on.wait(30)
        return load(model, *args, **options)

    monkeypatch.setattr(catalog, "load_model", load_later)
    canoe = copy_of_tiny(tmp_path, "canoe")
    with (
        running_server(SMALL, models=[*waiting, canoe]) as server,
        ThreadPoolExecutor(3) as threads,
    ):
        asked = [threads.submit(chat, server, name) for name in ("boat", "ship", "raft")]
        until(lambda: metric(server, "requests_awaiting_load") == 3)
        assert chat(server, "canoe").json["model"] == "canoe"
        goes_on.set()
        assert [one.result().status for one in asked] == [200] * 3


def test_a_model_that_disappears_is_not_downloaded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(hub_cache.CACHE_DIR_VARIABLE, str(tmp_path))
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # read at its import
    with running_hub({"boat.gguf": BUNDLED["tiny"].read_bytes()}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        with running_server(SMALL, models=["hf:owner/name"]) as server:
            assert len(hub.sent("boat.gguf")) == 1
            shutil.rmtree(tmp_path)
            refused = chat(server, "hf:owner/name")
            assert (refused.status, refused.error["code"]) == (500, "model_load_failed")
            assert "may be downloaded" in caplog.text
            assert len(hub.sent("boat.gguf")) == 1


def test_models_in_use_without_end_refuse_another_with_429(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local_llm_kit.server.loads._ROOM_WAIT_S", 0.0)
    load = LoadOptions(n_slots=1, memory_budget="12MiB")
    with running_server(load, models=[copy_of_tiny(tmp_path, "boat")]) as server:
        lease = server.catalog.lease(None)
        refused = chat(server, "boat")
        assert (refused.status, refused.error["code"]) == (429, "models_in_use")
        assert "retry-after" in refused.headers
        lease.release()
        assert chat(server, "boat").status == 200


def test_a_failure_to_load_is_told_to_each_and_the_next_try_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    goes_on = threading.Event()

    def fail(*args: Any, **options: Any) -> Any:
        assert goes_on.wait(30)
        raise InvalidRequestError("the weights cannot be read", status_code=400)

    boat = copy_of_tiny(tmp_path, "boat")
    with running_server(models=[boat]) as server:
        with monkeypatch.context() as patch, ThreadPoolExecutor(5) as threads:
            patch.setattr(catalog, "load_model", fail)
            asked = [threads.submit(chat, server, "boat") for _ in range(5)]
            until(lambda: metric(server, "requests_awaiting_load") == 5)
            goes_on.set()
            answers = [one.result() for one in asked]
        assert {answer.status for answer in answers} == {500}
        assert {answer.error["code"] for answer in answers} == {"model_load_failed"}
        assert "cannot be read" not in answers[0].error["message"]
        assert [one.message for one in caplog.records] == [
            f"the model {boat!r} cannot be loaded: the weights cannot be read"
        ]
        assert chat(server, "boat").json["model"] == "boat"


@pytest.mark.parametrize("name", ["broken.gguf", "gone.gguf", "owner/name"])
def test_a_further_model_that_is_none_is_told_before_anything_is_served(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + bytes(100))
    model = str(tmp_path / name) if name.endswith(".gguf") else name
    with pytest.raises(LLMError, match=name):
        LocalServer("tiny", ServerOptions(port=0, models=[model]))


@pytest.mark.parametrize("names", [["tiny.gguf"], ["a/boat.gguf", "b/boat.gguf"], ["ship.gguf"]])
def test_two_models_of_one_name_are_refused(tmp_path: Path, names: list[str]) -> None:
    models = [str(tmp_path / name) for name in names]
    with pytest.raises(LLMConfigError, match="rename one of them"):
        LocalServer("tiny", ServerOptions(port=0, models=models, aliases=["ship"]))


def test_a_model_that_disappears_is_told_without_its_folder(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_server(models=[copy_of_tiny(tmp_path, "boat")]) as server:
        (tmp_path / "boat.gguf").rename(tmp_path / "secret.gguf")
        refused = chat(server, "boat")
        assert (refused.status, refused.error["code"]) == (500, "model_load_failed")
        assert "secret" not in refused.error["message"]
        assert "secret" in caplog.text


def test_a_path_is_named_nowhere_and_a_look_loads_nothing(tmp_path: Path) -> None:
    load = LoadOptions(n_slots=1, memory_budget="12MiB")
    with running_server(load, models=[copy_of_tiny(tmp_path, "boat")]) as server:
        chat(server, "boat")
        names = [one["id"] for one in ask(server.url, "/v1/models").json["data"]]
        assert names[:2] == ["tiny", "boat"]
        assert not [name for name in names if str(tmp_path) in name]
        assert loaded(server) == ["boat"]


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
@pytest.mark.parametrize(
    "form",
    ["{path}", "./boat.gguf", "file://{path}", "../boat", "owner/name:Q4_K_M", "hf:owner/name",
     "ollama:llama3", "http://127.0.0.1:1/x", "~/boat.gguf", "\x00", "a" * 100_000],
    ids=lambda form: form[:20],
)  # fmt: skip
def test_a_name_in_a_request_is_never_a_path_or_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, strict: bool
) -> None:
    path = copy_of_tiny(tmp_path, "boat")
    monkeypatch.chdir(tmp_path)
    with running_server(SMALL, strict_model=strict) as server:
        loads = count_loads(monkeypatch)
        answer = chat(server, form.format(path=path))
        if strict:
            assert (answer.status, answer.error["code"]) == (404, "model_not_found")
            assert len(answer.body) < 1000
        else:
            assert answer.json["model"] == "tiny"
        assert loads == []


def test_a_model_leaves_after_its_keep_alive_and_comes_back() -> None:
    with running_server(LoadOptions(n_slots=1, keep_alive=0.05)) as server:
        until(lambda: loaded(server) == [])
        assert ask(server.url, "/health").json["status"] == "ok"
        assert ask(server.url, "/v1/models").json["data"][0]["id"] == "tiny"
        assert chat(server).json["model"] == "tiny"

"""Downloads from a hub: chosen, resumed, checked, and refused in our own words."""

from __future__ import annotations

import errno
import logging
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from LLM import (
    LLMAuthError,
    LLMConfigError,
    LLMConnectionError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    ModelNotFoundError,
)
from local_llm_kit import LLMClient, hub, hub_cache
from local_llm_kit.hub_files import HubName
from local_llm_kit.model_files import Sources, find_model, present_models
from tests.local.fake_hub import COMMIT, FakeHub, running_hub
from tests.local.support import TINY

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DATA = TINY.read_bytes()
Q4, Q8 = "tiny-Q4_K_M.gguf", "tiny-Q8_0.gguf"
NAME = HubName("owner/name", pattern="Q8_0")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    files = {path.name: path.read_bytes() for path in TINY.parent.iterdir() if path != TINY}
    files |= {Q4: DATA, Q8: DATA[:-1] + b"\0", "pytorch_model.bin": b"pickle", "README.md": b"#"}
    # Waits between its tries are the library's; nobody sleeps in a test.
    quick = SimpleNamespace(sleep=lambda _: None, time=time.time)
    monkeypatch.setattr("huggingface_hub.file_download.time", quick)
    with running_hub(files) as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.url)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1000)
        yield fake


def download(cache: Path, name: HubName = NAME, kind: str = "gguf") -> hub_cache.HubModel:
    return hub.download(name, (kind,), cache, progress=False)  # type: ignore[arg-type]


def test_a_model_is_downloaded_into_the_hubs_own_layout(fake: FakeHub, tmp_path: Path) -> None:
    found = download(tmp_path)
    assert found.path == tmp_path / "models--owner--name" / "snapshots" / COMMIT / Q8
    assert found.path.read_bytes() == fake.files[Q8]
    assert (found.commit, found.sha256) == (COMMIT, found.path.resolve().name)
    assert hub_cache.find(NAME, ("gguf",), tmp_path) == found


def test_what_is_in_the_cache_needs_no_hub(fake: FakeHub, tmp_path: Path) -> None:
    sources = Sources(cache_dir=tmp_path, ollama_dir=tmp_path, progress=False)
    first = find_model("owner/name:Q8_0", sources=sources)
    fake.requests.clear()
    assert find_model("owner/name:Q8_0", sources=sources) == first
    assert (first.source, first.revision, fake.requests) == ("hub", COMMIT, [])
    assert f"owner/name:{Q8}" in present_models(sources)


def test_parts_in_the_cache_are_listed_as_one_model(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--o--n" / "snapshots" / COMMIT
    parts = [f"m-Q4_K_M-0000{i}-of-00002.gguf" for i in (1, 2)]
    for name in (*parts, "mmproj-m.gguf", "alone-00001-of-00002.gguf"):
        (snapshot / name).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / name).write_bytes(DATA)
    (tmp_path / "models--o--n" / "refs").mkdir()
    (tmp_path / "models--o--n" / "refs" / "main").write_text(COMMIT)
    assert list(hub_cache.present(tmp_path)) == [f"o/n:{parts[0]}"]


def test_a_folder_of_safetensors_is_downloaded_without_pickles(
    fake: FakeHub, tmp_path: Path
) -> None:
    found = download(tmp_path, HubName("owner/name"), "safetensors")
    names = {path.name for path in found.path.iterdir()}
    assert {"config.json", "tokenizer.json", "model.safetensors", "chat_template.jinja"} <= names
    assert not {"pytorch_model.bin", "README.md", Q4, Q8} & names
    assert list(hub_cache.present(tmp_path)) == ["owner/name"]


def test_a_client_loads_what_it_has_downloaded(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(hub_cache.CACHE_DIR_VARIABLE, str(tmp_path))
    with LLMClient("owner/name", progress=False) as client:
        assert Path(client.info.path).name == Q4
        assert client.info.name == "owner/name"


def test_a_cut_connection_is_resumed_within_a_call(fake: FakeHub, tmp_path: Path) -> None:
    fake.cuts[Q8] = [100_000, 0, 300_000]
    assert download(tmp_path).path.read_bytes() == fake.files[Q8]
    assert fake.sent(Q8) == [None, "bytes=100000-", "bytes=100000-", "bytes=400000-"]


def test_the_next_process_goes_on_where_one_broke_off(fake: FakeHub, tmp_path: Path) -> None:
    fake.cuts[Q8] = [200_000, *[0] * 6]
    with pytest.raises(LLMConnectionError, match="what has arrived is kept"):
        download(tmp_path)
    fake.requests.clear()
    fake.cuts.clear()
    assert download(tmp_path).path.read_bytes() == fake.files[Q8]
    assert fake.sent(Q8) == ["bytes=200000-"]


KILLED = """
import sys
from pathlib import Path
from huggingface_hub import constants
from local_llm_kit import hub
constants.DOWNLOAD_CHUNK_SIZE = 1000
hub.download(hub.HubName("owner/name", pattern="Q8_0"), ("gguf",), Path(sys.argv[1]))
"""


def test_a_killed_process_leaves_what_the_next_one_needs(fake: FakeHub, tmp_path: Path) -> None:
    fake.stall = threading.Event()
    fake.cuts[Q8] = [200_000]
    environ = os.environ | {"HF_HUB_OFFLINE": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    with subprocess.Popen(command, env=environ, cwd=ROOT) as process:
        blobs = tmp_path / "models--owner--name" / "blobs"
        while not any(path.stat().st_size for path in blobs.glob("*.incomplete")):
            assert process.poll() is None
            threading.Event().wait(0.01)
        process.kill()
    fake.stall.set()
    assert download(tmp_path).path.read_bytes() == fake.files[Q8]
    first, second = fake.sent(Q8)
    assert first is None
    assert re.fullmatch(r"bytes=[1-9]\d*-", second or "")


def test_a_damaged_file_is_removed(fake: FakeHub, tmp_path: Path) -> None:
    fake.damaged.add(Q8)
    with pytest.raises(LLMResponseError, match="arrived damaged") as caught:
        download(tmp_path)
    assert caught.value.code == "checksum_mismatch"
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size] == []
    fake.damaged.clear()
    assert download(tmp_path).path.read_bytes() == fake.files[Q8]


def test_a_small_file_is_checked_too(fake: FakeHub, tmp_path: Path) -> None:
    fake.damaged.add("config.json")
    with pytest.raises(LLMResponseError, match=r"'config\.json'.* arrived damaged"):
        download(tmp_path, HubName("owner/name"), "safetensors")
    assert hub_cache.find(HubName("owner/name"), ("safetensors",), tmp_path) is None


def test_a_partial_file_that_is_too_long_starts_again(fake: FakeHub, tmp_path: Path) -> None:
    found = download(tmp_path)
    blob = found.path.resolve()
    blob.with_name(f"{blob.name}.llm-kit.incomplete").write_bytes(DATA + b"more")
    blob.unlink()
    found.path.unlink()
    assert download(tmp_path).path.read_bytes() == fake.files[Q8]


def test_a_silent_hub_is_given_up(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DOWNLOAD_TIMEOUT", 0.05)
    fake.stall = threading.Event()
    fake.cuts[Q8] = [1000, *[0] * 6]
    with pytest.raises(LLMConnectionError, match="ReadTimeout"):
        download(tmp_path)


def test_a_hub_that_is_not_there_is_told_at_once(tmp_path: Path, fake: FakeHub) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        with pytest.raises(LLMConnectionError, match="the hub cannot be reached"):
            download(tmp_path)


@pytest.mark.parametrize(
    ("status", "code", "error", "message"),
    [
        (403, "GatedRepo", LLMAuthError, "accept its terms at https://huggingface.co/owner/name"),
        (404, "RepoNotFound", ModelNotFoundError, "no such repository"),
        (401, "RepoNotFound", ModelNotFoundError, "or it is private: then set HF_TOKEN"),
        (401, "", LLMAuthError, "answers 401"),
        (403, "", LLMAuthError, "answers 403"),
        (429, "", LLMRateLimitError, "too many requests"),
        (503, "", LLMServerError, "answers 503"),
        (418, "", LLMResponseError, "answers 418"),
    ],
)
def test_a_hub_that_says_no_is_told_by_class(
    fake: FakeHub, tmp_path: Path, status: int, code: str, error: type[LLMError], message: str
) -> None:
    fake.refusal = status, code
    with pytest.raises(error, match=message) as caught:
        download(tmp_path)
    assert type(caught.value) is error


def test_a_revision_that_is_not_there_is_told(fake: FakeHub, tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="no revision 'v9'"):
        download(tmp_path, HubName("owner/name", "v9"))


@pytest.mark.parametrize(
    "listing",
    [{}, {"id": "x", "sha": "main", "siblings": []}, [], {"id": "x", "siblings": [{}]}],
    ids=["empty", "no commit", "a list", "no paths"],
)
def test_what_is_no_hub_is_told(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listing: object
) -> None:
    monkeypatch.setattr(FakeHub, "listing", lambda _: listing)
    with pytest.raises(LLMResponseError, match="the hub's answer about 'owner/name'"):
        download(tmp_path)


def test_paths_that_lead_out_are_not_files(fake: FakeHub, tmp_path: Path) -> None:
    fake.files = {"../evil-Q8_0.gguf": DATA, "a\\b-Q8_0.gguf": DATA}
    with pytest.raises(ModelNotFoundError, match="it has no files"):
        download(tmp_path)


def test_the_token_is_sent_and_stands_in_no_error(
    fake: FakeHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fake.refusal = 403, "GatedRepo"
    with pytest.raises(LLMAuthError) as caught:
        download(tmp_path)
    assert fake.tokens == {"Bearer hf_secret"}
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert "hf_secret" not in caplog.text + repr(vars(caught.value))


@pytest.mark.parametrize("by", ["argument", "variable"])
def test_nothing_is_downloaded_offline(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.setenv(hub_cache.CACHE_DIR_VARIABLE, str(tmp_path))
    if by == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelNotFoundError, match=r"nothing may be downloaded \(offline\)"):
        LLMClient("owner/name", offline=True if by == "argument" else None)
    assert fake.requests == []


def test_a_full_disk_is_told_before_the_download(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(LLMConfigError, match=r"needs 1,221,248 bytes more .* 1,048,576 are free"):
        download(tmp_path)
    assert fake.sent(Q8) == []


def test_a_disk_that_fails_is_told(
    fake: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(LLMConfigError, match="cannot be kept: Read-only file system"):
        download(tmp_path)


def test_two_downloads_at_once_send_a_file_once(fake: FakeHub, tmp_path: Path) -> None:
    found: list[hub_cache.HubModel] = []
    threads = [threading.Thread(target=lambda: found.append(download(tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert fake.sent(Q8) == [None]
    assert found[0].path.read_bytes() == fake.files[Q8]


@pytest.mark.parametrize(("progress", "shown"), [(True, True), (False, False), (None, False)])
def test_progress_goes_to_stderr_and_only_when_wanted(
    fake: FakeHub,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    progress: bool | None,
    shown: bool,
) -> None:
    hub.download(NAME, ("gguf",), tmp_path, progress=progress)
    captured = capsys.readouterr()
    assert (Q8 in captured.err) is shown
    assert captured.out == ""


def test_a_missing_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", None)
    with pytest.raises(LLMConfigError, match=r"pip install '\.\[hub\]'"):
        download(tmp_path)

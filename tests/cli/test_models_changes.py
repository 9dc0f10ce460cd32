"""`local-llm-kit models`: what `pull` and `rm` bring and take, and that every example runs."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from local_llm_kit.model_files import BUNDLED
from local_llm_kit.open_files import mapped_by
from tests.cli.caches import DATA, FIRST, put_ollama, put_version, tree
from tests.cli.models_support import Q4, as_json, run
from tests.local.fake_hub import COMMIT, FakeHub, running_hub
from tests.local.ollama.fake import FakeOllama, fake_ollama, ndjson

pytestmark = [pytest.mark.usefixtures("machine"), pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    quick = SimpleNamespace(sleep=lambda _: None, time=time.time)
    monkeypatch.setattr("huggingface_hub.file_download.time", quick)
    with running_hub({Q4: DATA}) as fake:
        monkeypatch.setenv("HF_ENDPOINT", fake.url)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        yield fake


@pytest.fixture
def ollama(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeOllama]:
    with fake_ollama() as fake:
        monkeypatch.setenv("OLLAMA_HOST", fake.host)
        yield fake


def test_pull_brings_a_model_and_prints_its_path(hub: FakeHub, machine: Path) -> None:
    result = run("pull", "owner/name")
    assert result.exit_code == 0
    path = Path(result.stdout.rstrip("\n"))
    assert path.read_bytes() == DATA
    assert path.parent.name == COMMIT
    assert result.stderr.endswith("or local-llm-kit serve -m owner/name\n")


def test_pull_asks_the_hub_again_but_sends_nothing_twice(hub: FakeHub) -> None:
    first, second = as_json("pull", "owner/name"), as_json("pull", "owner/name:Q4_K_M")
    assert (first["path"], first["revision"]) == (second["path"], COMMIT)
    assert len(hub.sent(Q4)) == 1


def test_pull_shows_a_bar_on_stderr_alone(hub: FakeHub) -> None:
    result = run("pull", "owner/name", "--progress")
    assert Q4 in result.stderr
    assert result.stdout.count("\n") == 1


def test_a_damaged_download_is_an_error(hub: FakeHub) -> None:
    hub.damaged.add(Q4)
    result = run("pull", "owner/name")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "arrived damaged" in result.stderr


def test_pull_goes_nowhere_when_that_is_forbidden() -> None:
    result = run("pull", "owner/name")
    assert result.exit_code == 1
    assert "HF_HUB_OFFLINE forbids it" in result.stderr


@pytest.mark.parametrize(("name", "hint"), [("llama3.2:1b", True), ("tinny", False)])
def test_a_name_as_ollama_has_them_is_told_its_prefix(name: str, hint: bool) -> None:
    result = run("pull", name)
    assert (result.exit_code, result.stdout) == (1, "")
    assert (f"models pull ollama:{name}" in result.stderr) is hint


def test_what_is_here_already_is_only_named() -> None:
    assert run("pull", "tiny").stdout == f"{BUNDLED['tiny']}\n"


def test_an_ollama_server_pulls_its_own(ollama: FakeOllama) -> None:
    ollama.script("/api/pull", *ndjson({"status": "success"}))
    result = run("pull", "ollama:llama3.2:1b")
    assert (result.exit_code, result.stdout) == (0, f"http://{ollama.host} has llama3.2:1b\n")
    assert ollama.bodies("/api/pull") == [{"model": "llama3.2:1b"}]


@pytest.mark.parametrize("answer", ["", "n\n", "\n", "nope\n"])
def test_rm_asks_first(machine: Path, answer: str) -> None:
    put_version(machine / "hub", {Q4: DATA})
    before = tree(machine / "hub")
    result = run("rm", "owner/name", stdin=answer)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("remove 1 file of owner/name at 111111111111 from ")
    assert result.stderr.endswith("nothing was removed\n")
    assert tree(machine / "hub") == before


@pytest.mark.parametrize(("flags", "answer"), [([], "y\n"), ([], "YES\n"), (["--yes"], "")])
def test_rm_removes_and_says_what_was_freed(machine: Path, flags: list[str], answer: str) -> None:
    put_version(machine / "hub", {Q4: DATA})
    told = as_json("rm", "owner/name", *flags, stdin=answer)
    assert (told["revision"], told["n_files"], told["used_by"]) == (FIRST, 1, [])
    assert told["freed_bytes"] >= len(DATA)
    assert tree(machine / "hub") == set()


def test_rm_names_the_process_that_has_the_model(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_version(machine / "hub", {Q4: DATA})
    monkeypatch.setattr("local_llm_kit.open_files.mapped_by", lambda paths: [4321])
    result = run("rm", "owner/name", "--yes")
    assert result.exit_code == 0
    assert "loaded by process 4321" in result.stderr


@pytest.mark.parametrize("name", ["tiny", "./mine.gguf", "../mine", "owner/other"])
def test_rm_leaves_alone_what_was_not_downloaded(machine: Path, name: str) -> None:
    (machine / "mine.gguf").write_bytes(DATA)
    result = run("rm", name, "--yes")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: ")
    assert (machine / "mine.gguf").exists()


def test_ollama_removes_its_own(ollama: FakeOllama) -> None:
    ollama.models["llama3.2:1b"] = {}
    result = run("rm", "ollama:llama3.2:1b", stdin="y\n")
    assert result.exit_code == 0
    assert "llama3.2:1b" not in ollama.models
    assert run("rm", "ollama:llama3.2:1b", "--yes").exit_code == 1


def test_without_an_ollama_server_its_store_is_left_alone(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_ollama(machine / "ollama")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:1")
    result = run("rm", "llama3.2:1b", "--yes")
    assert result.exit_code == 1
    assert "ollama serve" in result.stderr
    assert len(tree(machine / "ollama")) == 2


@pytest.mark.parametrize("arguments", [["rm", "owner/name"], ["pull", "owner/name"]], ids=str)
def test_ctrl_c_ends_with_130(
    machine: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    def interrupt(*args: object) -> str:
        raise KeyboardInterrupt

    put_version(machine / "hub", {Q4: DATA + b"old"})
    before = tree(machine / "hub" / "models--owner--name" / "snapshots")
    monkeypatch.setattr("local_llm_kit.cli.models.removing._confirmed", interrupt)
    monkeypatch.setattr("local_llm_kit.hub._Repository._fetch", interrupt)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (130, "")
    assert tree(machine / "hub" / "models--owner--name" / "snapshots") == before


def test_a_download_that_is_interrupted_goes_on_later(hub: FakeHub, machine: Path) -> None:
    hub.cuts[Q4], hub.stall = [100_000], threading.Event()
    # Less than a piece of what comes would not be kept, and a piece has 10 MB.
    code = (
        "from huggingface_hub import constants; constants.DOWNLOAD_CHUNK_SIZE = 1000;"
        "from local_llm_kit.__main__ import main; main(['models', 'pull', 'owner/name'])"
    )
    command = [sys.executable, "-c", code]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    pulling = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    partial = machine / "hub" / "models--owner--name" / "blobs"
    while pulling.poll() is None and not any(file.stat().st_size for file in partial.glob("*")):
        hub.stall.wait(0.01)
    pulling.send_signal(signal.SIGINT)
    assert "Traceback" not in pulling.communicate(timeout=30)[1]
    assert pulling.returncode == 130
    hub.stall.set()
    assert run("pull", "owner/name").exit_code == 0
    first, *_, last = hub.sent(Q4)
    assert first is None
    assert re.fullmatch(r"bytes=[1-9]\d*-", last or "")  # on a busy machine not all had arrived


@pytest.mark.parametrize("command", ["list", "show", "plan", "pull", "rm"])
def test_each_command_has_examples(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"Examples:\n    local-llm-kit models {command}" in result.stdout


def examples() -> list[str]:
    """The commands on models of the help pages and of docs/cli.md."""
    pages = [run(command, "--help").stdout for command in ("list", "show", "plan", "pull", "rm")]
    pages += [run("--help").stdout, (ROOT / "docs" / "cli.md").read_text("utf-8")]
    found = re.findall(r"^ *(?:\$ )?local-llm-kit models (.*?)(?: +#.*)?$", "\n".join(pages), re.M)
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("line", examples())
def test_an_example_runs_as_it_stands(
    hub: FakeHub, ollama: FakeOllama, machine: Path, line: str
) -> None:
    put_version(machine / "hub", {Q4: DATA}, FIRST, "main", "v1.0")
    ollama.models["llama3.2:1b"] = {}
    ollama.script("/api/pull", *ndjson({"status": "success"}))
    result = run(*shlex.split(line), stdin="y\n")
    assert (result.exit_code, "error" in result.stderr) == (0, False)


def test_a_name_that_is_missing_is_wrong_usage() -> None:
    assert [run(command).exit_code for command in ("show", "plan", "pull", "rm")] == [2] * 4


def test_this_process_is_told_to_map_what_it_maps(tmp_path: Path) -> None:
    import mmap

    path = tmp_path / "with space"
    path.write_bytes(b"x" * 4096)
    (tmp_path / "link").symlink_to(path)
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        assert os.getpid() in mapped_by([tmp_path / "link"])
    assert mapped_by([tmp_path / "link"]) == []
    assert mapped_by([path], proc=tmp_path / "none") == []

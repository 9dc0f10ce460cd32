"""`local-llm-kit doctor`: what it says of the machine, and how it reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from local_llm_kit import doctor, hub_cache, ollama_store, settings
from local_llm_kit.cli import cli, files
from local_llm_kit.devices import Device
from local_llm_kit.doctor import examination, servers
from local_llm_kit.doctor.back_ends import NvidiaGpus
from local_llm_kit.doctor.machine import check_folders, check_machine
from local_llm_kit.doctor.servers import Found
from local_llm_kit.doctor.trial import Trial
from local_llm_kit.doctor.variables import NAMES, check_variables
from tests.cli.caches import put_ollama
from tests.cli.findings import by_name

# The machine


@pytest.mark.parametrize(("free", "status"), [(8 << 30, "ok"), (1 << 20, "warn")])
def test_little_memory_is_warned_of(free: int, status: str) -> None:
    assert by_name(check_machine(Device("cpu", 16 << 30, free)))["memory"].status == status


def test_a_processor_without_avx2_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    for flags, status in (("sse avx2", "ok"), ("sse avx", "warn"), ("", "ok")):
        assert by_name(check_machine(flags=flags))["processor"].status == status


def test_folders_tell_what_lies_in_them(tmp_path: Path) -> None:
    put_ollama(tmp_path / "ollama", data=b"x" * 4096)
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub/blob").write_bytes(b"x" * 2048)
    environ = {"HF_HUB_CACHE": str(tmp_path / "hub"), "OLLAMA_MODELS": str(tmp_path / "ollama")}
    found = by_name(check_folders(environ))
    assert f"{tmp_path}/hub: 2.0 KiB, " in found["downloads"].text
    assert "1 model, 4." in found["Ollama's store"].text


def test_folders_that_do_not_work_are_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    environ = {
        "LOCAL_LLM_KIT_CACHE_DIR": str(tmp_path / "file"),
        "OLLAMA_MODELS": str(tmp_path / "none"),
        "LOCAL_LLM_KIT_MODEL_PATH": str(tmp_path / "gone.gguf"),
    }
    found = by_name(check_folders(environ))
    assert found["downloads"].status == "warn"
    assert found["Ollama's store"].status == "note"
    assert found["LOCAL_LLM_KIT_MODEL_PATH"].status == "fail"


@pytest.mark.parametrize("name", ["LOCAL_LLM_KIT_CACHE_DIR", "OLLAMA_MODELS"])
def test_a_folder_that_the_system_refuses_to_look_at_is_told(tmp_path: Path, name: str) -> None:
    environ = {"HF_HUB_CACHE": str(tmp_path), "OLLAMA_MODELS": str(tmp_path / "none")}
    place = tmp_path / ("x" * 300)
    found = check_folders(environ | {name: str(place), "LOCAL_LLM_KIT_MODEL_PATH": str(place)})
    assert by_name(found)["LOCAL_LLM_KIT_MODEL_PATH"].status == "fail"
    assert len(found) == 3


def test_a_full_disk_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=5))
    found = by_name(check_folders({"HF_HUB_CACHE": str(tmp_path)}))
    assert (found["downloads"].status, "5 B of the disk free" in found["downloads"].text) == (
        "warn", True,
    )  # fmt: skip


def test_every_variable_of_ours_is_looked_at() -> None:
    modules = (files, hub_cache, ollama_store, settings)
    found = {
        value for one in modules for name, value in vars(one).items() if name.endswith("_VARIABLE")
    }
    assert settings.API_KEY_VARIABLE in found
    assert found <= set(NAMES)


def test_keys_are_never_shown() -> None:
    environ = dict.fromkeys(("HF_TOKEN", "OLLAMA_API_KEY", "OPENAI_API_KEY"), "hush-hush")
    environ |= {"LOCAL_LLM_KIT_API_KEY": "hush-hush", "https_proxy": "http://me:hush-hush@proxy:1"}
    environ |= {"HF_ENDPOINT": "https://hush-hush@hub", "HTTP_PROXY": "me:hush-hush@proxy"}
    environ |= {"ALL_PROXY": "http://me:an@hush-hush@proxy"}
    found = check_variables(environ)
    assert len(found) == len(environ)
    assert "hush" not in repr(found)
    assert by_name(found)["https_proxy"].text == "http://***@proxy:1"


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("LOCAL_LLM_KIT_BACKEND", "lama", "fail"),
        ("LOCAL_LLM_KIT_BACKEND", "torch", "ok"),
        ("LOCAL_LLM_KIT_CONTEXT_LENGTH", "many", "fail"),
        ("HF_HUB_OFFLINE", "1", "note"),
        ("HF_HUB_OFFLINE", "0", "ok"),
    ],
)
def test_settings_are_checked(name: str, value: str, status: str) -> None:
    (found,) = check_variables({name: value})
    assert (found.name, found.status) == (name, status)


# The command


@pytest.fixture
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs on this machine is none of a test's business."""
    monkeypatch.setattr(servers, "USUAL_PORTS", ())
    monkeypatch.setattr(examination, "nvidia_gpus", NvidiaGpus)


def run(*arguments: str, **environ: str) -> Any:
    return CliRunner().invoke(cli, ["doctor", *arguments], env=environ)


@pytest.mark.usefixtures("no_servers")
def test_a_healthy_machine_ends_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "try_out", lambda backend: Trial(load_s=1, answer_s=0.5))
    result = run("--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["can_run"] is True
    sections = list(dict.fromkeys(one["section"] for one in told["findings"]))
    assert sections == ["packages", "back ends", "machine", "models", "settings", "servers"]


@pytest.mark.usefixtures("no_servers")
def test_a_machine_that_can_run_nothing_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "try_out", lambda backend: Trial("broken"))
    result = run()
    assert result.exit_code == 1
    assert "  fail  llama.cpp " in result.stdout
    assert result.stderr == (
        "error: nothing here can run a model; in llm-kit's folder run: pip install '.[llama]'\n"
    )


def test_an_ollama_server_with_models_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "try_out", lambda backend: Trial("broken"))
    monkeypatch.setattr(
        examination, "find_servers", lambda places: [Found("127.0.0.1", 1, "Ollama", 1)]
    )
    assert doctor.examine().can_run


@pytest.mark.usefixtures("no_servers")
def test_lines_have_words_and_no_colours_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = run("--no-trial").stdout.splitlines()
    assert lines[0] == "packages"
    assert lines[1].startswith("  ok    Python ")
    assert not any("\x1b" in line or line != line.rstrip() for line in lines)


@pytest.mark.usefixtures("no_servers")
def test_a_terminal_gets_colours_beside_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local_llm_kit.cli.doctor.has_colour", lambda stream: True)
    shown = CliRunner().invoke(cli, ["doctor", "--no-trial"], color=True).stdout
    assert "\x1b[32m\x1b[1mok  \x1b[0m  Python " in shown


@pytest.mark.usefixtures("no_servers")
def test_without_a_trial_installed_has_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "try_out", lambda backend: pytest.fail("tried"))
    assert run("--no-trial").exit_code == 0
    monkeypatch.setattr(examination, "installed_version", lambda package: None)
    result = run("--no-trial", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["can_run"] is False


def test_it_needs_click_alone(tmp_path: Path) -> None:
    absent = (
        "llama_cpp", "llguidance", "numpy", "jinja2", "torch", "transformers", "safetensors",
        "tokenizers", "huggingface_hub", "ollama", "httpx", "starlette", "uvicorn", "rich",
        "prompt_toolkit", "httptools", "uvloop", "prometheus_client",
    )  # fmt: skip
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent}));"
        "from local_llm_kit.cli import cli; cli(['doctor', '--no-trial', '--json'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["can_run"] is True

"""Completion in shells: bash itself is asked, the others by what they would send."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from LLM import LLMConfigError
from local_llm_kit.cli import cli
from local_llm_kit.cli.model_names import complete_model
from tests.cli.caches import DATA, put_ollama, put_version

pytestmark = pytest.mark.slow

#: Sources the script, and completes the words that it is given.
_ASK = """
eval "$SCRIPT"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_local_llm_kit_completion local-llm-kit
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine with models, on whose path the program is."""
    put_version(tmp_path / "hub", {"m-Q4_K_M.gguf": DATA, "m-Q8_0.gguf": DATA})
    put_ollama(tmp_path / "ollama")
    program = tmp_path / "bin" / "local-llm-kit"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m local_llm_kit "$@"\n')
    program.chmod(0o755)
    return dict(os.environ) | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "SCRIPT": CliRunner().invoke(cli, ["completion", "bash"]).stdout,
        "HF_HUB_CACHE": str(tmp_path / "hub"),
        "OLLAMA_MODELS": str(tmp_path / "ollama"),
    }


def completed(environ: dict[str, str], *words: str) -> list[str]:
    """What bash offers behind these words, which it has parted itself."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    command = [bash, "--norc", "-c", _ASK, "bash", "local-llm-kit", *words]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["models", "pl"], ["plan"]),
        (["compl"], ["completion"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["models", "show", "ti"], ["tiny"]),
        (["models", "show", "own"], ["owner/name:m-Q4_K_M.gguf", "owner/name:m-Q8_0.gguf"]),
        (["models", "rm", "owner/name", ":", "m-Q8"], ["m-Q8_0.gguf"]),
        (["models", "plan", "ollama", ":"], ["llama3.2:1b"]),
        (["models", "plan", "ollama", ":", ""], ["llama3.2:1b"]),
        (["models", "plan", "ollama", ":", "llama3.2", ":", ""], ["1b"]),
        (["models", "plan", "ollama:llama3.2:"], ["ollama:llama3.2:1b"]),
        (["serve", "--model", "ti"], ["tiny"]),
        (["serve", "--model", "=", "ti"], ["tiny"]),
        (["models", "show", "'ti"], ["tiny"]),
        (["models", "plan", "tiny", "--kv-type", "q8"], ["q8_0"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_bash_completes(environ: dict[str, str], words: list[str], expected: list[str]) -> None:
    assert completed(environ, *words) == expected


@pytest.mark.parametrize(
    ("shell", "incomplete"), [("zsh", {"COMP_CWORD": "3"}), ("fish", {"COMP_CWORD": "own"})]
)
def test_other_shells_get_whole_names(
    environ: dict[str, str], shell: str, incomplete: dict[str, str]
) -> None:
    asked = {"_LOCAL_LLM_KIT_COMPLETE": f"{shell}_complete", **incomplete}
    asked["COMP_WORDS"] = "local-llm-kit models show own"
    command = [sys.executable, "-m", "local_llm_kit"]
    done = subprocess.run(
        command, env=environ | asked, capture_output=True, text=True, timeout=60, check=True
    )
    assert "owner/name:m-Q8_0.gguf" in done.stdout.replace("\\:", ":")


def test_a_cache_that_cannot_be_read_completes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **named: object) -> list[str]:
        raise LLMConfigError("cannot look for models")

    command = click.Command("show")
    ctx, name = click.Context(command), click.Argument(["name"])
    assert complete_model(ctx, name, "ti") == ["tiny"]
    monkeypatch.setattr("local_llm_kit.model_files.present_models", refuse)
    assert complete_model(ctx, name, "ti") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_says_how_to_keep_it(shell: str) -> None:
    result = CliRunner().invoke(cli, ["completion", shell])
    assert result.exit_code == 0
    assert "_LOCAL_LLM_KIT_COMPLETE" in result.stdout
    last = result.stdout.splitlines()[-1]
    assert last.startswith("# To have it in every shell, ")
    assert f"local-llm-kit completion {shell}" in last


def test_another_shell_is_wrong_usage() -> None:
    assert CliRunner().invoke(cli, ["completion", "tcsh"]).exit_code == 2

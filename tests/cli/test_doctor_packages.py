"""`local-llm-kit doctor`: what it says of packages, of back ends and of the GPUs they see."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from local_llm_kit.doctor.back_ends import (
    NvidiaGpus,
    check_gpus,
    missing_packages,
    nvidia_gpus,
    tried,
    untried,
)
from local_llm_kit.doctor.packages import EXTRAS, check_packages, requirements, satisfies
from local_llm_kit.doctor.trial import Trial, try_out
from tests.cli.findings import by_name

pytestmark = pytest.mark.slow

GPU = ("NVIDIA H100, 81559 MiB, 575.1",)
WORKS, BLIND = Trial(gpus=(("CUDA0", 80 << 30),)), Trial()


# Packages


@pytest.mark.parametrize(
    ("version", "bounds", "holds"),
    [
        ("0.3.36", ">=0.3.36,<0.4", True),
        ("0.3.4", ">=0.3.36,<0.4", False),
        ("0.4", ">=0.3.36,<0.4", False),
        ("2.13.0+cpu", "==2.13.0", True),
        ("2.0", "==2", True),
        ("5.3.1rc1", ">5.3", True),
        ("1.4.9", "~=1.4.5", True),
        ("1.5", "~=1.4.5", False),
        ("1.0", "!=1.0.0", False),
        ("1.0", "<=0.9", False),
        ("unknown", "", True),
    ],
)
def test_versions_are_held_against_bounds(version: str, bounds: str, holds: bool) -> None:
    assert satisfies(version, bounds) is holds


def test_requirements_are_read_as_pip_writes_them() -> None:
    lines = [
        "pydantic<3,>=2.10",
        'click>=8.2; extra == "cli"',
        "llm-kit[cli]; extra == 'server'",
        "psycopg[binary]>=3.2; extra == 'postgres'",
        'uvloop>=0.21; sys_platform != "win32" and extra == "server"',
        'never; sys_platform == "beos" and extra == "server"',
        "?",
    ]
    found = [(one.package, one.bounds, one.extra) for one in requirements(lines)]
    assert found == [
        ("pydantic", "<3,>=2.10", None),
        ("click", ">=8.2", "cli"),
        ("psycopg", ">=3.2", "postgres"),
        ("uvloop", ">=0.21", "server"),
    ]


def test_each_extra_is_told_with_its_command() -> None:
    lines = ["a>=1", 'b>=2; extra == "llama"', 'c>=3; extra == "cli"', 'd; extra == "hub"']
    versions = {"a": "1.0", "b": "1.9", "d": "4"}
    found = by_name(check_packages(versions.get, lambda name: lines))
    assert [found[name].status for name in ("llm-kit", "llama", "cli", "hub")] == [
        "ok", "warn", "note", "ok",
    ]  # fmt: skip
    assert "b 1.9, not >=2" in found["llama"].text
    assert found["llama"].fix == "in llm-kit's folder run: pip install '.[llama]'"
    assert "not installed: c" in found["cli"].text
    assert "transformers, ollama, server" in found["extras"].text


def test_every_extra_that_users_install_is_told() -> None:
    extras = {one.extra for one in requirements(metadata.requires("llm-kit") or [])}
    assert extras - {None, "docs", "train", "all"} == set(EXTRAS)


def test_a_folder_that_is_not_installed_is_said() -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    found = by_name(check_packages(requires=requires))
    assert (found["llm-kit"].status, "not installed" in found["llm-kit"].text) == ("warn", True)


# Back ends


def test_a_back_end_that_works_tells_its_times() -> None:
    trial = try_out("llama.cpp", environ=os.environ | {"LOCAL_LLM_KIT_MODEL_PATH": "/nowhere"})
    assert trial.problem is None
    assert trial.load_s > 0
    assert tried("llama.cpp", trial).status == "ok"


def test_files_in_the_working_folder_are_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "llama_cpp.py").write_text("raise SystemExit('run')")
    monkeypatch.chdir(tmp_path)
    assert try_out("llama.cpp").problem is None


def script(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (script("raise ImportError('libcuda.so.1: no such file')"), "libcuda.so.1"),
        (script("import os, signal; os.kill(os.getpid(), signal.SIGILL)"), "another processor"),
        (script("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), "SIGKILL"),
        (script("raise SystemExit(3)"), "it ended with 3"),
        (script("print('hello')"), "cannot be read"),
        (script("print('{}')"), "cannot be read"),
        (script("print('3')"), "cannot be read"),
        (script("pass"), "cannot be read"),
        (("/no/such/program",), "cannot be started"),
    ],
    ids=[
        "import",
        "illegal",
        "killed",
        "exit",
        "text",
        "empty object",
        "number",
        "silence",
        "no program",
    ],
)
def test_a_back_end_that_fails_is_said_why(command: tuple[str, ...], problem: str) -> None:
    trial = try_out("llama.cpp", command=command)
    assert problem in (trial.problem or "")
    found = tried("llama.cpp", trial)
    assert (found.status, "--force-reinstall" in (found.fix or "")) == ("fail", True)


def test_a_back_end_that_hangs_is_ended() -> None:
    command = script("import signal; signal.pause()")
    assert try_out("x", command=command, timeout_s=0.2).problem == "it did not answer within 0.2 s"


@pytest.mark.parametrize(
    ("programs", "advice"),
    [
        ({"c++"}, "in llm-kit's folder run: pip install '.[llama]'"),
        ({"apt-get"}, "sudo apt-get install build-essential cmake, then in llm-kit's folder run"),
        ({"dnf"}, "sudo dnf install gcc-c++ cmake, then"),
        (set(), "install a C++ compiler and CMake, then"),
    ],
    ids=["compiler", "debian", "fedora", "nothing"],
)
def test_what_is_not_installed_names_what_compiles_it(
    monkeypatch: pytest.MonkeyPatch, programs: set[str], advice: str
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    found = untried("llama.cpp", ["llama-cpp-python"], programs.__contains__)
    assert found.status == "note"
    assert (found.fix or "").startswith(advice)


def test_torch_comes_with_a_warning_of_its_size() -> None:
    found = untried("transformers", ["torch"], lambda name: True)
    assert "CPU build" in (found.fix or "")


def test_packages_of_a_back_end_are_looked_up() -> None:
    assert missing_packages("llama.cpp", {"jinja2": "3"}.get) == [
        "llama-cpp-python", "llguidance", "numpy",
    ]  # fmt: skip


def test_a_gpu_that_a_back_end_does_not_see_names_the_build() -> None:
    trials = {"llama.cpp": BLIND, "transformers": WORKS}
    found = by_name(check_gpus(NvidiaGpus(GPU), trials, lambda program: program == "nvcc"))
    assert found["GPU"].text == GPU[0]
    assert found["GPU of transformers"].text == "CUDA0 with 80.00 GiB"
    blind = found["GPU of llama.cpp"]
    assert blind.status == "warn"
    assert 'CMAKE_ARGS="-DGGML_CUDA=on" pip install' in (blind.fix or "")


def test_without_nvcc_the_toolkit_comes_first() -> None:
    found = by_name(check_gpus(NvidiaGpus(GPU), {"llama.cpp": BLIND}, lambda program: False))
    assert (found["GPU of llama.cpp"].fix or "").startswith("install NVIDIA's CUDA toolkit")


def test_torch_for_the_cpu_beside_a_gpu_names_the_other_build() -> None:
    found = by_name(check_gpus(NvidiaGpus(GPU), {"transformers": BLIND}, lambda program: True))
    assert "--force-reinstall torch" in (found["GPU of transformers"].fix or "")


@pytest.mark.parametrize(
    ("nvidia", "trials", "status"),
    [
        (NvidiaGpus(), {"llama.cpp": BLIND}, "note"),
        (NvidiaGpus(problem="version mismatch"), {"llama.cpp": BLIND}, "warn"),
        (NvidiaGpus(GPU), {"llama.cpp": Trial("broken")}, "ok"),
        (NvidiaGpus(), {"llama.cpp": WORKS}, "ok"),
    ],
    ids=["none", "driver", "broken back end", "another maker's"],
)
def test_one_line_tells_of_the_gpus(
    nvidia: NvidiaGpus, trials: dict[str, Trial], status: str
) -> None:
    (found,) = check_gpus(nvidia, trials, lambda program: True)
    assert found.status == status


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("echo 'NVIDIA H100, 81559 MiB, 575.1'", NvidiaGpus(GPU)),
        (
            "echo 'Failed to initialize NVML'; exit 9",
            NvidiaGpus(problem="Failed to initialize NVML"),
        ),
        ("exit 0", NvidiaGpus(problem="nvidia-smi ended 0")),
    ],
    ids=["works", "fails", "says nothing"],
)
def test_nvidias_program_is_asked(tmp_path: Path, body: str, expected: NvidiaGpus) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)
    assert nvidia_gpus(str(program)) == expected
    program.chmod(0o644)
    if os.geteuid():
        assert nvidia_gpus(str(program)).problem is not None
    assert nvidia_gpus(str(tmp_path / "none")) == NvidiaGpus()

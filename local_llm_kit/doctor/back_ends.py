"""What runs models here: each back end tried, and the GPUs that it sees beside those there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from LLM.extras import how_to_add
from local_llm_kit.doctor.finding import Finding
from local_llm_kit.doctor.trial import Trial
from local_llm_kit.memory_plan import format_bytes

#: What each back end in this process needs, and the extra that brings it.
PACKAGES = {
    "llama.cpp": (("llama-cpp-python", "llguidance", "jinja2", "numpy"), "llama"),
    "transformers": (("torch", "transformers", "tokenizers", "safetensors"), "transformers"),
}

_REBUILD = "pip install --force-reinstall --no-deps --no-cache-dir 'llama-cpp-python>=0.3.36,<0.4'"
_CPU_TORCH = (
    " (without a GPU install PyTorch's CPU build first, 0.2 GB instead of 2.6: "
    "https://pytorch.org/get-started/locally)"
)
_SMI_TIMEOUT_S = 10.0


def missing_packages(backend: str, version_of: Callable[[str], str | None]) -> list[str]:
    """The packages that a back end lacks."""
    return [one for one in PACKAGES[backend][0] if version_of(one) is None]


def untried(backend: str, missing: Sequence[str], has: Callable[[str], bool]) -> Finding:
    """What is said of a back end that is not installed, with the compiler that it would need.

    :param has: whether there is a program of this name.
    """
    text = f"not installed: {', '.join(missing)}"
    fix = how_to_add(PACKAGES[backend][1])
    if backend == "transformers":
        return Finding("back ends", backend, "note", text, fix + _CPU_TORCH)
    if not any(map(has, ("c++", "g++", "clang++", "cl"))):
        text += "; it is compiled as it is installed, and there is no C++ compiler"
        fix = f"{_compiler_command(has)}, then {fix}"
    return Finding("back ends", backend, "note", text, fix)


def _compiler_command(has: Callable[[str], bool]) -> str:
    """The command that brings a compiler on this system."""
    if sys.platform == "darwin":
        return "xcode-select --install"
    for program, command in (
        ("apt-get", "sudo apt-get install build-essential cmake"),
        ("dnf", "sudo dnf install gcc-c++ cmake"),
        ("pacman", "sudo pacman -S base-devel cmake"),
        ("apk", "sudo apk add build-base cmake"),
    ):
        if has(program):
            return command
    return "install a C++ compiler and CMake"


def tried(backend: str, trial: Trial) -> Finding:
    """What is said of a back end that was tried."""
    if trial.problem is None:
        text = f"tiny answered in {trial.answer_s:.2f} s, after {trial.load_s:.1f} s of loading"
        return Finding("back ends", backend, "ok", text)
    fix = how_to_add(PACKAGES[backend][1], "--force-reinstall")
    if backend == "llama.cpp":
        fix = f"build it anew on this machine: {_REBUILD}"
    return Finding("back ends", backend, "fail", f"tiny did not answer: {trial.problem}", fix)


@dataclass(frozen=True, slots=True)
class NvidiaGpus:
    """What NVIDIA's driver tells.

    :param names: of the GPUs, with their memory.
    :param problem: why it tells nothing, although its program is there; None otherwise.
    """

    names: tuple[str, ...] = ()
    problem: str | None = None


def nvidia_gpus(program: str = "nvidia-smi") -> NvidiaGpus:
    """The GPUs that NVIDIA's driver tells of; none without its program."""
    fields = "--query-gpu=name,memory.total,driver_version"
    try:
        done = subprocess.run(
            [program, fields, "--format=csv,noheader"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SMI_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        return NvidiaGpus()
    except (OSError, subprocess.TimeoutExpired) as err:
        return NvidiaGpus(problem=f"nvidia-smi does not answer ({type(err).__name__})")
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or not lines:
        return NvidiaGpus(problem=" ".join(lines)[:300] or f"nvidia-smi ended {done.returncode}")
    return NvidiaGpus(tuple(lines))


def check_gpus(
    nvidia: NvidiaGpus, trials: Mapping[str, Trial], has: Callable[[str], bool]
) -> list[Finding]:
    """The GPUs there, and whether each back end that works can use them.

    :param trials: of the back ends that were tried.
    """
    if nvidia.problem is not None:
        text = f"the driver does not work: {nvidia.problem}"
        return [
            Finding("back ends", "GPU", "warn", text, "install NVIDIA's driver anew, and restart")
        ]
    seen = {name: trial.gpus for name, trial in trials.items() if trial.problem is None}
    findings = [
        Finding("back ends", f"GPU of {backend}", "ok", ", ".join(map(_shown, gpus)))
        for backend, gpus in seen.items()
        if gpus
    ]
    if not nvidia.names:
        none = Finding("back ends", "GPU", "note", "none seen; models run on the CPU")
        return findings or [none]
    there = Finding("back ends", "GPU", "ok", "; ".join(nvidia.names))
    blind = [
        Finding(
            "back ends",
            f"GPU of {backend}",
            "warn",
            "it does not see the GPU",
            _gpu_fix(backend, has),
        )
        for backend, gpus in seen.items()
        if not gpus
    ]
    return [there, *findings, *blind]


def _shown(gpu: tuple[str, int]) -> str:
    return f"{gpu[0]} with {format_bytes(gpu[1])}"


def _gpu_fix(backend: str, has: Callable[[str], bool]) -> str:
    """The command that makes a back end use an NVIDIA GPU."""
    if backend == "transformers":
        return (
            "take a build with CUDA: pip install --force-reinstall torch (on Windows the command "
            "that https://pytorch.org/get-started/locally gives)"
        )
    command = f'build it with CUDA: CMAKE_ARGS="-DGGML_CUDA=on" {_REBUILD}'
    return (
        command
        if has("nvcc")
        else f"install NVIDIA's CUDA toolkit (there is no nvcc), then {command}"
    )

"""Fuzz the readers of strangers' input with atheris: what `scripts/fuzz` runs.

Each target runs in a process of its own, for a bounded time, in bounded memory and at a low
priority. The corpus that has grown stays in build/fuzz, so that the next run goes on from there;
an input that breaks something is kept there too, and tells how to try it again.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import environment
from fuzzing.targets import NAMES, find

#: Pinned here and not in requirements.txt: it has wheels for few systems, and only this needs it.
_ATHERIS = "atheris==3.0.0"
_FOLDER = environment.ROOT / "build" / "fuzz"
#: One input takes milliseconds; one that takes this long hangs.
_INPUT_TIMEOUT_S = 20
_MEMORY_MB = 3072
#: Seconds that a target may take beyond its time, to start and to end.
_GRACE_S = 300
_PROGRESS = re.compile(rb"cov: (\d+) .*? corp: (\d+)/")
_LOADED = re.compile(r"(?m)^INFO: Instrumenting .*\n")
_INPUTS = re.compile(rb"number_of_executed_units: (\d+)")


@dataclass(frozen=True, slots=True)
class _Run:
    """How a target went.

    :param places: places in the code that were reached, by the seeds and at the end.
    :param log: the end of what was printed, where something broke.
    """

    target: str
    n_inputs: int
    places: tuple[int, int]
    n_corpus: int
    failed: bool
    log: str


def main() -> int:
    """Fuzz.

    :return: the exit code: 0 nothing was found, 1 something was, or nothing could be run.
    """
    try:
        python = environment.prepare("test")
        environment.enter(python, __file__, sys.argv[1:])
        chosen, seconds = _parse()
        tool = _atheris(python)
    except environment.SetupError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    runs = []
    for name in chosen:
        runs.append(_fuzzed(name, seconds, tool))
        _tell(runs[-1])
    return int(any(run.failed for run in runs))


def _parse() -> tuple[list[str], int]:
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", help=f"of {', '.join(NAMES)}; all by default")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (60)")
    given = parser.parse_args()
    if unknown := [name for name in given.target if name not in NAMES]:
        parser.error(f"there is no target {unknown[0]!r}; there are {', '.join(NAMES)}")
    if given.seconds < 1:
        parser.error("--seconds must be 1 or more")
    return given.target or list(NAMES), given.seconds


def _atheris(python: Path) -> Path:
    """The folder that has atheris, installed when it is first needed.

    It stands apart from the environment, in which tests are run without it.
    """
    folder = _FOLDER / f"{_ATHERIS}-python{sys.version_info.major}.{sys.version_info.minor}"
    if (folder / "atheris").is_dir():
        return folder
    print(f"installing {_ATHERIS}", flush=True)
    install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    done = subprocess.run([str(python), *install, "--target", str(folder), _ATHERIS], check=False)
    if done.returncode:
        raise environment.SetupError(
            f"{_ATHERIS} could not be installed on {platform.system()} {platform.machine()} with "
            f"Python {platform.python_version()}: it has wheels for Linux on x86_64 with Python "
            "3.11 to 3.13, and is built elsewhere by a clang that has libFuzzer (CLANG_BIN names "
            "one). Without it, scripts/test tests/properties tries the same targets"
        )
    return folder


def _fuzzed(name: str, seconds: int, tool: Path) -> _Run:
    # Not before the environment is there: targets import what they try.
    target = find(name)
    corpus, found = _FOLDER / "corpus" / name, _FOLDER / "found" / name
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = _FOLDER / f"{name}.words"
    words.write_text("".join(f'"{_quoted(word)}"\n' for word in target.words))
    options = {
        "max_total_time": seconds, "timeout": _INPUT_TIMEOUT_S, "rss_limit_mb": _MEMORY_MB,
        "max_len": target.max_bytes, "artifact_prefix": f"{found}{os.sep}", "print_final_stats": 1,
        **({"dict": words} if target.words else {}),
    }  # fmt: skip
    command = [sys.executable, "-m", "fuzzing", name, str(corpus), str(found)]
    command += [f"-{option}={value}" for option, value in options.items()]
    path = os.pathsep.join((str(environment.ROOT / "scripts"), str(environment.ROOT), str(tool)))
    with tempfile.TemporaryDirectory(prefix="llm-kit-fuzz-") as scratch:
        process = subprocess.Popen(
            command,
            cwd=environment.ROOT,
            env={**os.environ, "PYTHONPATH": path, "TMPDIR": scratch},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=_step_back,  # safe, as no thread runs here
        )
        try:
            out, _ = process.communicate(timeout=seconds + _GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    return _read(name, out, process.returncode)


def _step_back() -> None:
    os.nice(10)


def _quoted(word: bytes) -> str:
    """A word as libFuzzer's dictionaries have it."""
    return "".join(f"\\x{byte:02x}" for byte in word)


def _read(name: str, out: bytes, code: int) -> _Run:
    progress = _PROGRESS.findall(out)
    first = next((line for line in out.split(b"\n") if b"INITED" in line), b"")
    begun = _PROGRESS.search(first)
    n_inputs = _INPUTS.search(out)
    return _Run(
        name,
        int(n_inputs[1]) if n_inputs else 0,
        (int(begun[1]) if begun else 0, int(progress[-1][0]) if progress else 0),
        int(progress[-1][1]) if progress else 0,
        code != 0,
        _LOADED.sub("", out.decode("utf-8", "replace"))[-4000:],
    )


def _tell(run: _Run) -> None:
    before, after = run.places
    print(
        f"{run.target}: {run.n_inputs:,} inputs, {before:,} to {after:,} places reached, "
        f"{run.n_corpus:,} inputs kept" + (", FAILED" if run.failed else ""),
        flush=True,
    )
    if run.failed:
        print(run.log)
        print(f"it is kept, and tried first by the next: scripts/fuzz {run.target}")


if __name__ == "__main__":
    sys.exit(main())

"""A back end tried in a process of its own: the GPUs that it sees, and an answer of `tiny`.

That process calls `main`, which does the work and writes a line of JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Seconds until a back end must have answered: torch may take a minute to import from a slow disk.
TIMEOUT_S = 120.0
#: Variables that choose another model or back end than the one that is tried.
_OURS = "LOCAL_LLM_KIT_"


@dataclass(frozen=True, slots=True)
class Trial:
    """How a back end did.

    :param problem: why it did not answer; None when it did.
    :param gpus: name and bytes of each GPU that it sees.
    :param load_s: seconds until the model was loaded, the imports included.
    :param answer_s: seconds of the answer.
    """

    problem: str | None = None
    gpus: tuple[tuple[str, int], ...] = ()
    load_s: float = 0.0
    answer_s: float = 0.0


def try_out(
    backend: str,
    *,
    timeout_s: float = TIMEOUT_S,
    command: Sequence[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Trial:
    """Try a back end; whatever it does, this process goes on.

    :param backend: ``llama.cpp`` or ``transformers``.
    :param command: what is run, with the back end as its last argument; None for `main`.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith(_OURS)}
    try:
        done = subprocess.run(
            [*(command or _own_command()), backend],
            env=kept | {"HF_HUB_OFFLINE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Trial(f"it did not answer within {timeout_s:g} s")
    except OSError as err:
        return Trial(f"it cannot be started: {err.strerror or err}")
    if done.returncode:
        return Trial(_reason(done.returncode, done.stderr))
    try:
        told = json.loads(done.stdout.splitlines()[-1])
        gpus = tuple((name, size) for name, size in told.pop("gpus"))
        return Trial(gpus=gpus, **told)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError):
        return Trial("its answer cannot be read")


def _own_command() -> list[str]:
    """What runs `main` with this process's path: a file in the working folder must not run."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main(sys.argv[1:])"
    )
    return [sys.executable, "-P", "-c", code]


def _reason(code: int, stderr: bytes) -> str:
    """Why a process ended, in a line."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"it was ended by {name}" + (
            ", so it was built for another processor" if name == "SIGILL" else ""
        )
    lines = stderr.decode("utf-8", "replace").split("\n")
    said = next((line for line in reversed(lines) if line.strip()), f"it ended with {code}")
    return said.strip()[:300]


def main(arguments: Sequence[str]) -> None:
    """Try a back end in this process; the answer is a line of JSON on standard output."""
    from local_llm_kit import LLMClient, devices

    (backend,) = arguments
    begin = time.perf_counter()
    with LLMClient("tiny", backend=backend, n_slots=1, context_length=512) as client:
        loaded = time.perf_counter()
        client.chat.completions.create(
            messages=[{"role": "user", "content": "What is 7 plus 5?"}], max_tokens=32
        )
        ended = time.perf_counter()
    told = {
        "gpus": [(gpu.name, gpu.total_bytes) for gpu in devices.gpus(backend)],
        "load_s": loaded - begin,
        "answer_s": ended - loaded,
    }
    sys.stdout.write(json.dumps(told) + "\n")

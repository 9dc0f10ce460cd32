"""The servers that contend, each with one thread.

    python bench/local_engine/servers.py native|llama_cpp MODEL PORT SLOTS CONTEXT unified|split

runs one of the peers until its standard input ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

HERE = Path(__file__).resolve()


def ours(model: Path, slots: int, context: int) -> list[str]:
    """`local-llm-kit serve`.

    :param context: tokens of one conversation.
    """
    command = [sys.executable, "-m", "local_llm_kit", "serve", "--exit-on-eof", "--threads", "1"]
    command += ["--model", str(model), "--port", "{port}", "--slots", str(slots)]
    return [*command, "--context-length", str(context)]


def native(model: Path, slots: int, context: int, cache: str = "unified") -> list[str]:
    """llama-server's engine from xllamacpp's wheel, with as many slots.

    :param cache: ``unified`` shares one cache between the slots, ``split`` gives each its own.
    """
    return [
        sys.executable,
        str(HERE),
        "native",
        str(model),
        "{port}",
        str(slots),
        str(context),
        cache,
    ]


def llama_cpp(python: str, model: Path, context: int) -> list[str]:
    """`llama_cpp.server`, which has one slot.

    :param python: a Python that has llama-cpp-python with its extra ``[server]``.
    """
    return [python, str(HERE), "llama_cpp", str(model), "{port}", "1", str(context), "unified"]


def _run_native(model: str, port: int, slots: int, context: int, unified: bool) -> None:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = model
    params.port = port
    params.n_parallel, params.kv_unified = slots, unified
    params.n_ctx = slots * context
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.verbosity = -1
    server = xllamacpp.Server(params)
    sys.stdin.read()
    del server


def _run_llama_cpp(model: str, port: int, context: int) -> None:
    command = [sys.executable, "-m", "llama_cpp.server", "--model", model, "--port", str(port)]
    command += ["--n_ctx", str(context), "--n_threads", "1", "--n_threads_batch", "1"]
    # By default a second request cuts the stream of the first.
    command += ["--interrupt_requests", "false"]
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    threading.Thread(target=_end_with_input, args=(server,), daemon=True).start()
    sys.exit(server.wait())


def _end_with_input(server: subprocess.Popen[bytes]) -> None:
    while os.read(0, 4096):
        continue
    server.terminate()


if __name__ == "__main__":
    kind, model, port, slots, context, cache = sys.argv[1:]
    if kind == "native":
        _run_native(model, int(port), int(slots), int(context), cache == "unified")
    else:
        _run_llama_cpp(model, int(port), int(context))

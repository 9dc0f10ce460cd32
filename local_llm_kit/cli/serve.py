"""`local-llm-kit serve`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

import click

from LLM.exceptions import LLMConfigError

#: Seconds that a server has to finish its streams once its standard input is closed.
_STOP_GRACE_S = 10.0

_SERVE_EXAMPLES = """\b
Examples:
  local-llm-kit serve
  local-llm-kit serve --model ./qwen2.5-0.5b-q4_0.gguf --context-length 8192
  LOCAL_LLM_KIT_API_KEY=secret local-llm-kit serve --host 0.0.0.0 --port 9000
"""


@click.command(epilog=_SERVE_EXAMPLES)
@click.option(
    "--model",
    default="tiny",
    show_default=True,
    metavar="NAME|PATH",
    help="A bundled model, the path of a GGUF file or of a folder of safetensors, a repository of"
    " the Hugging Face hub (owner/name:Q4_K_M), or a model of Ollama's store (ollama:NAME).",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; any but a loopback address needs an API key.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--api-key",
    envvar="LOCAL_LLM_KIT_API_KEY",
    show_envvar=True,
    help="Key that clients must send. Other users of the machine can read command lines:"
    " prefer the environment variable.",
)
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    metavar="NAME",
    help="A further name of the model; may be repeated.",
)
@click.option(
    "--strict-model",
    is_flag=True,
    help="Refuse requests for other model names instead of answering them.",
)
@click.option(
    "--context-length",
    type=click.IntRange(min=1),
    metavar="TOKENS",
    help="Window of one request.  [default: the model's own]",
)
@click.option(
    "--slots",
    "n_slots",
    type=click.IntRange(1, 255),
    default=8,
    show_default=True,
    help="Requests that run at the same time.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Threads that compute.  [default: the machine's cores]",
)
@click.option(
    "--max-queue",
    type=click.IntRange(min=0),
    default=256,
    show_default=True,
    help="Requests that may wait; further ones are told to come back later (429).",
)
@click.option(
    "--exit-on-eof",
    is_flag=True,
    help="Stop when standard input closes, so that a program that started the server"
    " never leaves it behind.",
)
def serve(exit_on_eof: bool, **settings: Any) -> None:
    """Serve a model behind the OpenAI API.

    It answers /v1/chat/completions, /v1/completions and /v1/models: any OpenAI client works with
    its base URL set to the address that is printed. Stop it with Ctrl-C.
    """
    if settings["api_key"] == "":
        raise click.BadParameter("the key is empty", param_hint="'--api-key'")
    if exit_on_eof:
        threading.Thread(target=_stop_at_eof, args=(sys.stdin.fileno(),), daemon=True).start()
    try:
        from local_llm_kit import server
    except ModuleNotFoundError as err:
        if err.name is None or err.name.partition(".")[0] in ("LLM", "local_llm_kit"):
            raise
        raise LLMConfigError(
            f"serving needs the package {err.name!r}, which is not installed;"
            " in llm-kit's folder run: pip install '.[llama,server]'"
        ) from err
    server.serve(**settings)


def _stop_at_eof(fd: int) -> None:
    """Wait for the end of file `fd`, then stop this process as SIGTERM does, or else by force."""
    # Not sys.stdin.read(): a daemon thread inside it makes the interpreter abort at its exit.
    while os.read(fd, 4096):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_STOP_GRACE_S)
    os._exit(1)

"""`local-llm-kit serve`."""

from __future__ import annotations

import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import click

from local_llm_kit.cli.command import Command, Option
from local_llm_kit.cli.loading_bar import loading_bar
from local_llm_kit.cli.options import LOAD_OPTIONS, load_options, log_format_option, model_option
from local_llm_kit.cli.quantities import Duration
from local_llm_kit.settings import API_KEY_VARIABLE

#: Seconds that a server has to finish its streams once its standard input is closed.
_STOP_GRACE_S = 10.0

_EXAMPLES = """\b
Examples:
  local-llm-kit serve
  local-llm-kit serve --open --slots 4
  local-llm-kit serve --model tiny --context-length 1024 --kv-type q8_0
  local-llm-kit serve --memory-budget 2GiB --keep-alive 5m --alias gpt-4
  LOCAL_LLM_KIT_API_KEY=secret local-llm-kit serve --host 0.0.0.0 --port 9000
"""


def _access(*names: str, **attrs: Any) -> Callable[[Any], Any]:
    return click.option(*names, cls=Option, section="Who may ask", **attrs)


@click.command(cls=Command, epilog=_EXAMPLES)
@model_option(multiple=True)
@click.option(
    "--alias",
    "aliases",
    multiple=True,
    metavar="NAME",
    help="A further name of the first model; may be repeated.",
)
@click.option(
    "--strict-model",
    is_flag=True,
    help="Refuse requests for other model names instead of answering them.",
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on; any but a loopback address needs an API key.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="N",
    help="Port to listen on; 0 takes a free one.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--log-requests",
    is_flag=True,
    help="Write a line for each request on standard error, without prompts and keys.",
)
@log_format_option
@click.option(
    "--grace",
    "grace_s",
    type=Duration(),
    default="10",
    show_default=True,
    help="How long running streams may finish at the end.",
)
@click.option(
    "--exit-on-eof",
    is_flag=True,
    help="Stop when standard input closes, so that a program that started the server"
    " never leaves it behind.",
)
@_access(
    "--api-key",
    envvar=API_KEY_VARIABLE,
    show_envvar=True,
    metavar="KEY",
    help="Key that clients must send. Other users of the machine can read command lines:"
    " prefer the environment variable, or a file.",
)
@_access("--api-key-file", type=click.Path(), help="File with a key a line.")
@_access(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A further name by which requests may address the server, that of a reverse proxy for"
    " example; may be repeated.",
)
@_access(
    "--cors-origin",
    "cors_origins",
    multiple=True,
    metavar="ORIGIN",
    help="An origin whose web pages may read the answers, https://app.example.com for example;"
    " may be repeated.",
)
@load_options(*(name for name in LOAD_OPTIONS if name != "host"))
@click.option(
    "--ollama-host",
    cls=Option,
    section="Loading",
    metavar="URL",
    help="Address of the Ollama server.",
)
@click.pass_context
def serve(
    ctx: click.Context, /, models: tuple[str, ...], opens: bool, exit_on_eof: bool, **settings: Any
) -> None:
    """Serve models behind the APIs of OpenAI, Anthropic and Ollama, and a page to chat on.

    Any client works with its base URL set to the address that is printed. Stop it with Ctrl-C.
    """
    _check_key(ctx, settings)
    if settings["grace_s"] is None:
        raise click.BadParameter("give a time; streams may run for ever", param_hint="'--grace'")
    if exit_on_eof:
        threading.Thread(target=_stop_at_eof, args=(sys.stdin.fileno(),), daemon=True).start()
    from local_llm_kit import server

    def announce(url: str) -> None:
        page = _reachable(url)
        if settings["log_format"] == "text":
            click.echo(f"page: {page}/  metrics: {page}/metrics", err=True)
        if opens:
            # A browser in the terminal would hold the server up.
            threading.Thread(target=webbrowser.open, args=(f"{page}/",), daemon=True).start()

    with loading_bar(settings["progress"]) as watch:
        server.serve(
            model=models[0] if models else None,
            models=models[1:],
            ready=announce,
            on_load=watch,
            **settings,
        )


def _check_key(ctx: click.Context, settings: dict[str, Any]) -> None:
    """Let what was typed win over the environment; refuse an empty key that was typed."""
    typed = ctx.get_parameter_source("api_key") is click.core.ParameterSource.COMMANDLINE
    if settings["api_key"] == "" and typed:
        raise click.BadParameter("the key is empty", param_hint="'--api-key'")
    if settings["api_key_file"] is not None and not typed:
        settings["api_key"] = None
    settings["api_key"] = settings["api_key"] or None


def _reachable(url: str) -> str:
    """Where this machine's browser finds a server that listens everywhere."""
    parts = urlsplit(url)
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
    host = everywhere.get(parts.hostname or "")
    return f"http://{host}:{parts.port}" if host else url


def _stop_at_eof(fd: int) -> None:
    """Wait for the end of file `fd`, then stop this process as SIGTERM does, or else by force."""
    # Not sys.stdin.read(): a daemon thread inside it makes the interpreter abort at its exit.
    with suppress(OSError):  # what cannot be read has ended, as a lost terminal has
        while os.read(fd, 4096):
            continue
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(_STOP_GRACE_S)
    os._exit(1)

"""What can be done at an Ollama server besides asking its models: fetching one, and removing it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from LLM.exceptions import LLMConfigError
from LLM.extras import how_to_add
from local_llm_kit.engines.ollama.facts import count_of
from local_llm_kit.engines.ollama.options import OllamaOptions
from local_llm_kit.engines.ollama.progress import chosen_progress

if TYPE_CHECKING:
    from local_llm_kit.engines.ollama.wire import Wire


def pull_model(name: str, options: OllamaOptions) -> str:
    """Let the server download a model, or bring it up to date; blocks until it is there.

    :return: the server's address.
    :raises LLMServerError: the server says that it fails, for one because there is no such model.
    :raises LLMError: the server cannot be reached, or the download breaks off.
    """
    return _run(options, lambda wire: pull(wire, name, options))


def remove_model(name: str, options: OllamaOptions) -> str:
    """Let the server remove a model.

    :return: the server's address.
    :raises ModelNotFoundError: it does not have the model.
    :raises LLMError: the server cannot be reached, or refuses.
    """
    return _run(options, lambda wire: wire.remove("/api/delete", {"model": name}))


def _run(options: OllamaOptions, call: Callable[[Wire], Awaitable[None]]) -> str:
    async def run() -> str:
        wire = connect(options)
        try:
            await call(wire)
        finally:
            await wire.close()  # type: ignore[no-untyped-call]  # the package's
        return wire.failures.origin

    return asyncio.run(run())


async def pull(wire: Wire, name: str, options: OllamaOptions) -> None:
    """Let the server download a model, showing the steps as `options` says.

    :raises LLMError: see `pull_model`.
    """
    progress = chosen_progress(options.progress)
    status = None
    async with aclosing(wire.stream("/api/pull", {"model": name})) as steps:
        async for step in steps:
            status = step.get("status")
            if progress is not None:
                progress(str(status), count_of(step, "completed"), count_of(step, "total"))
    if status != "success":
        raise wire.failures.unreadable(f"ends before {name!r} is downloaded; try again")


def connect(options: OllamaOptions) -> Wire:
    """The connections to the server; nothing is sent yet.

    :raises LLMConfigError: the package is missing, or an address or the key cannot work.
    """
    key = os.environ.get("OLLAMA_API_KEY", "")
    if not (key.isascii() and key.isprintable()):
        raise LLMConfigError("OLLAMA_API_KEY holds characters that a header cannot carry")
    host = options.host or os.environ.get("OLLAMA_HOST")
    # Importing the package makes a client of OLLAMA_HOST, so that a wrong one fails there.
    try:
        from local_llm_kit.engines.ollama.wire import BadAddress, Wire
    except ImportError as err:
        raise LLMConfigError(
            f"the ollama back end needs the package {err.name or 'ollama'!r}, which cannot be "
            f"imported; {how_to_add('ollama')}",
            code="missing_package",
        ) from err
    except ValueError:
        raise _bad_host(host) from None
    try:
        return Wire(options.host, options.timeout_s)
    except BadAddress:
        raise _bad_host(host) from None


def _bad_host(host: str | None) -> LLMConfigError:
    shown = "an address with a password" if host and "@" in host else repr(host)
    return LLMConfigError(
        f"host or OLLAMA_HOST is {shown}, which is no address, or a proxy variable is none; write "
        "it as 'host', 'host:port' or 'http://host:port'"
    )

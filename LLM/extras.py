"""What an extra brings: loaded when it is needed, and named when it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from LLM.exceptions import LLMConfigError

if TYPE_CHECKING:
    from LLM.async_transport import AsyncTransport


def async_transport(needed_by: str) -> type[AsyncTransport]:
    """The class `AsyncTransport`, whose library aiohttp is the extra ``async``.

    :param needed_by: name of the class that calls with it, for the error.
    :raises LLMConfigError: aiohttp is not installed.
    """
    try:
        # Imported here: aiohttp takes longer to load than all of LLM, and may be missing.
        from LLM.async_transport import AsyncTransport
    except ModuleNotFoundError as err:
        if err.name != "aiohttp":
            raise
        raise LLMConfigError(
            f"{needed_by} needs the package aiohttp, which is not installed; in llm-kit's folder "
            "run: pip install '.[async]'"
        ) from err
    return AsyncTransport

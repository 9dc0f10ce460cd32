"""Questions to a running server."""

from __future__ import annotations

import time
from typing import Any

from pydantic_core import from_json

from LLM.config import LLMConfig
from LLM.error_response import api_error
from LLM.exceptions import LLMConnectionError, LLMResponseError
from LLM.headers import request_headers
from LLM.transport import Transport

_TIMEOUT_S = 10.0


class Server:
    """A server at an address; close it.

    :param url: its address, with or without ``/v1``.
    :param api_key: its key; None for none.
    :raises LLMConfigError: the address or the key cannot be one.
    """

    def __init__(self, url: str, api_key: str | None) -> None:
        config = LLMConfig(base_url=url, api_key=api_key)
        self._secrets = config.secrets
        self.url = config.base_url.removesuffix("/v1")
        self._transport = Transport(self.url, request_headers(config))

    def get(self, path: str) -> dict[str, Any]:
        """The object that a path answers with.

        :raises LLMConnectionError: nobody answers; says how to start a server.
        :raises LLMAPIError: the server refuses.
        :raises LLMResponseError: what answers is no server of this kind.
        """
        try:
            answer = self._transport.call("GET", path, None, timeout_s=_TIMEOUT_S)
        except LLMConnectionError as err:
            reason = err.message.partition(";")[0]
            raise LLMConnectionError(
                f"{reason}; start a server with: local-llm-kit serve, or give its address by --url"
            ) from err
        if answer.status != 200:
            raise api_error(
                answer.status,
                answer.headers,
                answer.body,
                provider=self.url,
                model=None,
                secret=self._secrets,
                now=time.time(),
            )
        try:
            value = from_json(answer.body, allow_inf_nan=False)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise self.not_ours(path)
        return value

    def list_of(self, path: str, name: str) -> list[dict[str, Any]]:
        """The objects that a path lists under a name.

        :raises LLMError: as `get`.
        """
        found = self.get(path).get(name)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise self.not_ours(path)
        return found

    def not_ours(self, path: str) -> LLMResponseError:
        """The error of something else that answers there."""
        return LLMResponseError(
            f"what answers at {self.url} is not a server of this kind: {path} has another shape; "
            "give the address of one by --url"
        )

    def close(self) -> None:
        """Drop the connection."""
        self._transport.close()

"""Ollama as a provider: where it is, and what it is asked by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import ClassVar, Unpack

from cloud.llm.base import BaseClient
from cloud.llm.codec import Codec
from cloud.llm.config import FurtherSettings
from cloud.llm.ollama.address import base_url_of
from cloud.llm.ollama.codec import OllamaCodec
from cloud.llm.ollama.management import checked_name
from cloud.llm.ollama.models import OLLAMA_DEFAULT_MODEL
from LLM.retry import RetryStrategy


class Ollama(BaseClient):
    """What the blocking and the async client of Ollama have in common.

    A server on one's own machine wants other settings than a provider in the cloud: it asks for no
    key, takes its time while it loads a model, and one that is not there will not come.
    """

    codec_class: ClassVar[type[Codec]] = OllamaCodec
    telemetry_name: ClassVar[str | None] = "ollama"
    default_base_url = "http://127.0.0.1:11434"
    default_model = OLLAMA_DEFAULT_MODEL
    key_variables = ("OLLAMA_API_KEY",)

    def __init__(
        self,
        model: str | None = OLLAMA_DEFAULT_MODEL,
        base_url: str | None = None,
        timeout: float = 300.0,
        max_retries: int = 0,
        *,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        retry_policy: RetryStrategy | None = None,
        **settings: Unpack[FurtherSettings],
    ) -> None:
        """Make a client; nothing is sent.

        :param model: the model that is asked where a call names none.
        :param base_url: the server's address, with or without a scheme; ``/v1`` and ``/api`` at its
            end are left out. None takes ``OLLAMA_HOST``, else ``OLLAMA_BASE_URL``, else this
            machine's port 11434.
        :param timeout: seconds that one try may take from connecting to the last byte; for a
            stream, until its answer begins, and then until each event. Loading a model is part of
            it.
        :param max_retries: tries after the first, 0 to 100.
        :param api_key: for Ollama's cloud, or a proxy that asks for one.
        :param headers: further HTTP headers, sent with every request; not printed.
        :param verify: check TLS certificates: True, False, or the path of a CA bundle.
        :param retry_policy: decides on retries in place of the one that the settings describe.
        :param settings: `retry_delay`, `jitter`, `max_retry_after` and `retry_timeouts`, as
            `ClientConfig` has them.
        :raises LLMConfigError: a value cannot work, or a package is missing.
        """
        super().__init__(
            api_key=api_key,
            model=model,
            base_url=base_url_of(base_url, os.environ, self.default_base_url),
            timeout=timeout,
            max_retries=max_retries,
            headers=headers,
            verify=verify,
            retry_policy=retry_policy,
            **settings,
        )

    def _named(self, name: str | None) -> str:
        """The model that is meant: `name`, or the client's.

        :raises InvalidRequestError: `name` is no name.
        """
        return self.model if name is None else checked_name(name)

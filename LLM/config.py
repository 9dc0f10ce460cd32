"""Settings of an `LLM` client, checked when they are made."""

from __future__ import annotations

import os
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from LLM.endpoint import EndpointConfig, Number, names_version
from LLM.overflow import OverflowPolicy

DEFAULT_BASE_URL = "http://127.0.0.1:8000"


class LLMConfig(EndpointConfig):
    """Where and how to call a model. Immutable; `model_copy(update={...})` gives a variant.

    Nothing is read from the environment here: see `from_env`.

    :param base_url: address of an OpenAI-compatible API. ``/v1`` is added unless the path already
        names a version (``/v1``, ``/v1beta/openai``, ``/paas/v4``).
    :param api_key: bearer token; None sends no Authorization header. Printed as asterisks.
    :param model: model identifier.
    :param temperature: sampling temperature, 0.0 to 2.0; None leaves it to the server.
    :param max_tokens: most tokens to generate, at least 0; None leaves it to the server.
    :param timeout: seconds that one try may take from connecting to the last byte; for a stream,
        until its answer begins, and then until each event.
    :param max_retries: tries after the first, 0 to 100.
    :param retry_delay: seconds before the first retry; each further one waits twice as long.
    :param max_retry_after: longest Retry-After in seconds that is waited for.
    :param retry_timeouts: also retry when an accepted request timed out, which may bill it twice.
    :param requests_per_minute: client-side limit, above 0; None for no limit.
    :param tokens_per_minute: client-side limit on prompt plus completion tokens; None for none.
    :param max_total_tokens: tokens after which every call raises `UsageLimitError`; None for none.
    :param context_length: tokens that prompt and answer may take together, at least 1. With it,
        messages are counted before they are sent; None counts nothing and cuts nothing.
    :param overflow: what to do with messages that do not fit `context_length`: ``error``,
        ``drop_oldest``, ``drop_middle`` or ``summarise``; see `LLM.overflow`.
    :param stream_usage: ask for token counts with streams (`stream_options.include_usage`). Turn it
        off for a server that refuses the field.
    :param headers: further HTTP headers, sent with every request; not printed.
    :param verify: check TLS certificates: True, False, or the path of a CA bundle. True honours
        REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and SSL_CERT_FILE.
    :param max_connections: connections kept open for reuse, at least 1.
    :raises LLMConfigError: a value cannot work; the message names it.
    """

    base_url: str = DEFAULT_BASE_URL
    model: str = Field(default="gpt-4", min_length=1)
    temperature: Annotated[float, Number, Field(ge=0.0, le=2.0)] | None = 0.7
    max_tokens: Annotated[int, Number, Field(ge=0)] | None = None
    requests_per_minute: Annotated[float, Number, Field(gt=0.0)] | None = None
    tokens_per_minute: Annotated[float, Number, Field(gt=0.0)] | None = None
    max_total_tokens: Annotated[int, Number, Field(ge=0)] | None = None
    context_length: Annotated[int, Number, Field(ge=1)] | None = None
    overflow: OverflowPolicy = "error"
    stream_usage: bool = True
    max_connections: Annotated[int, Number, Field(ge=1)] = 256

    @field_validator("overflow")
    @classmethod
    def _check_overflow(cls, overflow: OverflowPolicy, info: ValidationInfo) -> OverflowPolicy:
        # A context_length that was refused is not there, and has its own message.
        if overflow != "error" and info.data.get("context_length", 1) is None:
            raise ValueError(f"is {overflow!r}, which needs context_length, the model's window")
        return overflow

    @classmethod
    def from_env(cls, **settings: Any) -> LLMConfig:
        """Settings with ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY`` filling in what is not given.

        :param settings: as for the constructor; they win over the environment.
        :raises LLMConfigError: a value cannot work.
        """
        for name, variable in (("base_url", "OPENAI_BASE_URL"), ("api_key", "OPENAI_API_KEY")):
            if settings.get(name) is None and os.environ.get(variable):
                settings[name] = os.environ[variable]
        return cls(**settings)

    @property
    def api_root(self) -> str:
        """`base_url` with its ``/v1``, which is added unless the path names a version."""
        return self.base_url if names_version(self.base_url) else self.base_url + "/v1"

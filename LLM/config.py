"""Settings of an `LLM` client, checked when they are made."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Mapping
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from LLM.exceptions import LLMConfigError
from LLM.overflow import OverflowPolicy
from LLM.secrets import MASK, Secret

DEFAULT_BASE_URL = "http://127.0.0.1:8000"

_VERSION = re.compile(r"v[0-9]+[a-z0-9]*")
_URL_CHARS = re.compile(r"[!-~]+")
# The client frames its requests itself; two opinions on that are how requests get smuggled.
_FRAMING_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)
_SECRET_NAME = re.compile(r"auth|cookie|key|password|secret|token", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def _checked_key(value: Any) -> Any:
    """A key that can stand in an HTTP header. The value never appears in a message."""
    if hasattr(value, "get_secret_value"):
        value = value.get_secret_value()
    if isinstance(value, (bytes, bytearray)):
        # pydantic would decode it, line breaks and all.
        raise ValueError("must be text, not bytes; decode() it")
    if value is None or not isinstance(value, str):
        return value
    if not value:
        raise ValueError("is empty; leave it out or give None when the server needs no key")
    if value != value.strip():
        raise ValueError("has white space around it, often a line break from a file; strip() it")
    if value == MASK:
        raise ValueError("is a mask, not a key: it comes from a config that was written as JSON")
    if not value.isascii() or not value.isprintable():
        raise ValueError("holds a character that no HTTP header can carry; copy the key again")
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("must be a finite number")
    return value


_ApiKey = Annotated[
    str,
    BeforeValidator(_checked_key),
    AfterValidator(Secret),
    PlainSerializer(lambda _: MASK, when_used="json"),
]
_Number = BeforeValidator(_finite)


class LLMConfig(BaseModel):
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

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        defer_build=True,
        protected_namespaces=(),
    )

    base_url: str = DEFAULT_BASE_URL
    api_key: _ApiKey | None = None
    model: str = Field(default="gpt-4", min_length=1)
    temperature: Annotated[float, _Number, Field(ge=0.0, le=2.0)] | None = 0.7
    max_tokens: Annotated[int, _Number, Field(ge=0)] | None = None
    timeout: Annotated[float, _Number, Field(gt=0.0, le=86_400.0)] = 30
    max_retries: Annotated[int, _Number, Field(ge=0, le=100)] = 3
    retry_delay: Annotated[float, _Number, Field(ge=0.0)] = 1.0
    max_retry_after: Annotated[float, _Number, Field(ge=0.0)] = 120.0
    retry_timeouts: bool = False
    requests_per_minute: Annotated[float, _Number, Field(gt=0.0)] | None = None
    tokens_per_minute: Annotated[float, _Number, Field(gt=0.0)] | None = None
    max_total_tokens: Annotated[int, _Number, Field(ge=0)] | None = None
    context_length: Annotated[int, _Number, Field(ge=1)] | None = None
    overflow: OverflowPolicy = "error"
    stream_usage: bool = True
    headers: Annotated[
        dict[str, str],
        PlainSerializer(lambda headers: dict.fromkeys(headers, MASK), when_used="json"),
    ] = Field(default={}, repr=False)
    verify: bool | str = True
    max_connections: Annotated[int, _Number, Field(ge=1)] = 32

    def __init__(self, **settings: Any) -> None:
        problem = _unknown_setting(settings)
        if problem is None:
            try:
                super().__init__(**settings)
                return
            except ValidationError as err:
                problem = _described(err)
        # Raised out here so that no traceback leads to the rejected values, a key among them.
        raise LLMConfigError(problem)

    @field_validator("base_url")
    @classmethod
    def _check_base_url(cls, url: str) -> str:
        if not _URL_CHARS.fullmatch(url):
            raise ValueError("holds white space, control or non-ASCII characters, or is empty")
        try:
            parts = urlsplit(url)
            port_ok = parts.port is None or parts.port > 0
        except ValueError:
            raise ValueError("has an invalid port or host") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or not port_ok:
            raise ValueError("must look like 'http://127.0.0.1:8000' or 'https://api.openai.com'")
        if parts.username is not None or parts.password is not None:
            raise ValueError("holds a user or password; give the key as api_key")
        if parts.path.rstrip("/").endswith("/completions"):
            raise ValueError("ends in a call's path; stop before /chat/completions")
        if parts.query or parts.fragment:
            raise ValueError("may not have a query or a fragment")
        return url.rstrip("/")

    @field_validator("overflow")
    @classmethod
    def _check_overflow(cls, overflow: OverflowPolicy, info: ValidationInfo) -> OverflowPolicy:
        # A context_length that was refused is not there, and has its own message.
        if overflow != "error" and info.data.get("context_length", 1) is None:
            raise ValueError(f"is {overflow!r}, which needs context_length, the model's window")
        return overflow

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if not _HEADER_NAME.fullmatch(name):
                raise ValueError(f"has an invalid header name {name!r}")
            if name.lower() in _FRAMING_HEADERS:
                raise ValueError(f"may not set {name!r}, which the client sets itself")
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"has a value for {name!r} that HTTP cannot carry")
        return {name: Secret(value) for name, value in headers.items()}

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
        versioned = any(map(_VERSION.fullmatch, urlsplit(self.base_url).path.split("/")))
        return self.base_url if versioned else self.base_url + "/v1"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error or log may show: the key, and headers that hold one by their names."""
        held = [value for name, value in self.headers.items() if _SECRET_NAME.search(name)]
        return tuple(filter(None, [self.api_key, *held]))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other settings, checked like new ones.

        :raises LLMConfigError: a value cannot work.
        """
        return type(self)(**{**dict(self), **(update or {})})


def _unknown_setting(settings: dict[str, Any]) -> str | None:
    for name in settings:
        if name not in LLMConfig.model_fields:
            near = difflib.get_close_matches(name, LLMConfig.model_fields, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            return f"LLMConfig has no setting {name!r}{hint}"
    return None


def _described(err: ValidationError) -> str:
    """The problems in one line each, without the values."""
    lines = []
    for problem in err.errors(include_url=False, include_input=False, include_context=False):
        name = str(problem["loc"][0]) if problem["loc"] else "settings"
        lines.append(f"LLMConfig.{name} {problem['msg'].removeprefix('Value error, ')}")
    return "\n".join(dict.fromkeys(lines))

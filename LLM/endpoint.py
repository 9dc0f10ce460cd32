"""Settings of every client that calls one address, checked when they are made."""

from __future__ import annotations

import difflib
import math
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
    field_validator,
)

from LLM.exceptions import InvalidRequestError, LLMConfigError
from LLM.secrets import MASK, SECRET_NAME, Secret

_VERSION = re.compile(r"v[0-9]+[a-z0-9]*")
_URL_CHARS = re.compile(r"[!-~]+")
# The client frames its requests itself; two opinions on that are how requests get smuggled.
_FRAMING_HEADERS = frozenset(
    {"accept-encoding", "connection", "content-length", "content-type", "host", "transfer-encoding"}
)
# What follows the address in the calls of each provider, where users copy it from curl's examples.
_CALL_PATH = re.compile(
    r"((/chat)?/completions|(?<=/v1)/(messages|responses)|/api/(chat|generate))/*\Z"
)
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
    if value[:7].lower() == "bearer ":
        raise ValueError("begins with 'Bearer'; give the key alone, the client adds the word")
    if value == MASK:
        raise ValueError("is a mask, not a key: it comes from a config that was written as JSON")
    if not value.isascii() or not value.isprintable():
        raise ValueError("holds a character that no HTTP header can carry; copy the key again")
    return value


def _finite(value: Any) -> Any:
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError("must be a finite number")
    return value


ApiKey = Annotated[
    str,
    BeforeValidator(_checked_key),
    AfterValidator(Secret),
    PlainSerializer(lambda _: MASK, when_used="json"),
]
Number = BeforeValidator(_finite)


class EndpointConfig(BaseModel):
    """Where and how to call one address: what the settings of all clients have in common.

    :param base_url: address of the API.
    :param api_key: the key; None sends none. Printed as asterisks.
    :param model: model identifier.
    :param timeout: seconds that one try may take from connecting to the last byte, up to a day; for
        a stream, until its answer begins, and then until each event.
    :param max_retries: tries after the first, 0 to 100.
    :param retry_delay: seconds before the first retry; each further one waits twice as long.
    :param max_retry_after: longest Retry-After in seconds that is waited for.
    :param retry_timeouts: also retry when an accepted request timed out, which may bill it twice.
    :param headers: further HTTP headers, sent with every request; not printed.
    :param verify: check TLS certificates: True, False, or the path of a CA bundle. True honours
        REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE and SSL_CERT_FILE.
    :raises LLMConfigError: a value cannot work; the message names it.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        defer_build=True,
        protected_namespaces=(),
    )

    base_url: str
    api_key: ApiKey | None = None
    model: str = Field(min_length=1)
    timeout: Annotated[float, Number, Field(gt=0.0, le=86_400.0)] = 30
    max_retries: Annotated[int, Number, Field(ge=0, le=100)] = 3
    retry_delay: Annotated[float, Number, Field(ge=0.0)] = 1.0
    max_retry_after: Annotated[float, Number, Field(ge=0.0)] = 120.0
    retry_timeouts: bool = False
    headers: Annotated[
        dict[str, str],
        PlainSerializer(lambda headers: dict.fromkeys(headers, MASK), when_used="json"),
    ] = Field(default={}, repr=False)
    verify: bool | str = True

    def __init__(self, **settings: Any) -> None:
        problem = self._unknown_setting(settings)
        if problem is None:
            try:
                super().__init__(**settings)
                return
            except ValidationError as err:
                problem = self._described(err)
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
        if call := _CALL_PATH.search(parts.path):
            raise ValueError(f"ends in a call's path; stop before {call[1]}")
        if parts.query or parts.fragment:
            raise ValueError("may not have a query or a fragment")
        return url.rstrip("/")

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

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no error or log may show: the key, and headers that hold one by their names."""
        held = [value for name, value in self.headers.items() if SECRET_NAME.search(name)]
        return tuple(filter(None, [self.api_key, *held]))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other settings, checked like new ones.

        :raises LLMConfigError: a value cannot work.
        """
        return type(self)(**{**dict(self), **(update or {})})

    @classmethod
    def _unknown_setting(cls, settings: dict[str, Any]) -> str | None:
        for name in settings:
            if name not in cls.model_fields:
                near = difflib.get_close_matches(name, cls.model_fields, n=1)
                hint = f"did you mean {near[0]!r}?" if near else cls._offer()
                return f"{cls.__name__} has no setting {name!r}; {hint}"
        return None

    @classmethod
    def _offer(cls) -> str:
        """What to give in place of a setting that resembles none."""
        return f"there are {', '.join(cls.model_fields)}"

    @classmethod
    def _described(cls, err: ValidationError) -> str:
        """The problems in one line each, without the values."""
        lines = []
        for problem in err.errors(include_url=False, include_input=False, include_context=False):
            name = str(problem["loc"][0]) if problem["loc"] else "settings"
            text = problem["msg"].removeprefix("Value error, ").replace("Input should", "must")
            lines.append(f"{cls.__name__}.{name} {text}")
        return "\n".join(dict.fromkeys(lines))


def names_version(url: str) -> bool:
    """Whether the path of `url` holds a version, such as ``/v1`` or ``/v1beta/openai``."""
    return any(map(_VERSION.fullmatch, urlsplit(url).path.split("/")))


def checked_timeout_s(timeout: Any, default_s: float) -> float:
    """The seconds that a call may take: `timeout`, or `default_s` where it is None.

    :raises InvalidRequestError: it is no number above 0, or over a day.
    """
    if timeout is None:
        return default_s
    is_number = isinstance(timeout, (int, float)) and not isinstance(timeout, bool)
    # The system's clocks overflow on inf and 1e300; the settings have the same bound.
    if not is_number or not 0 < timeout <= 86_400:
        raise InvalidRequestError(f"timeout is {timeout!r}; give seconds above 0, up to a day")
    return float(timeout)

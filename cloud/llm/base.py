"""What a provider's blocking and async clients have in common: all but the I/O."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeGuard, Unpack
from urllib.parse import urlsplit

from pydantic import BaseModel

from cloud.llm.calls import chat_call
from cloud.llm.codec import ChatCall, Codec, WireRequest
from cloud.llm.config import ClientConfig, FurtherSettings
from cloud.llm.files import FileCodec, upload_timeout_s
from cloud.llm.json_schema import JSONSchema
from cloud.llm.told import chat_asked
from cloud.llm.types import ChatResponse
from LLM.attempts import Attempts
from LLM.codec import Source
from LLM.endpoint import checked_timeout_s
from LLM.exceptions import InvalidRequestError, LLMConfigError, LLMError
from LLM.headers import merged_headers
from LLM.retry import RETRIED_STATUSES, RetryStrategy, checked_policy
from LLM.secrets import scrub_text
from LLM.structured import is_model_class, parsed_content
from LLM.telemetry.asked import Asked
from LLM.telemetry.peers import peer_of

if TYPE_CHECKING:
    from LLM.batch.provider.types import BatchAPI

_logger = logging.getLogger("cloud")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A call that is ready to be sent.

    :param timeout_s: seconds for the call, or for each gap of a stream.
    :param wanted: what the answer is read as: a pydantic class, which it must fit, or the value
        that a `JSONSchema` asks for; None for any text.
    :param call: what `request` was made of.
    :param began: when the call was made, by the monotonic clock.
    """

    request: WireRequest
    source: Source
    timeout_s: float
    wanted: type[BaseModel] | JSONSchema | None
    call: ChatCall = field(repr=False)
    began: float = field(default_factory=time.monotonic)

    def accept(self, response: ChatResponse) -> None:
        """Fill in what the caller asked to have made of the answer.

        A text that is no JSON has no value of a `JSONSchema`, and stays as it is.

        :raises LLMResponseError: the content does not fit the class.
        :raises LLMContentFilterError: the provider's filter cut the content.
        """
        if _logger.isEnabledFor(logging.INFO):
            self._log(response)
        if self.wanted is None or response.refusal or response.tool_calls:
            return
        if isinstance(self.wanted, JSONSchema):
            with contextlib.suppress(ValueError):
                response.parsed, response.content = self.wanted.read(response.content)
            return
        try:
            response.parsed = parsed_content(
                response.content, response.finish_reason, self.wanted, self.source.secret
            )
        except LLMError as err:
            self.source.complete(err)
            raise

    def _log(self, response: ChatResponse) -> None:
        facts = {
            "provider": self.source.provider,
            "model": self.source.model,
            "prompt_tokens": response.usage.prompt_tokens if response.usage else None,
            "completion_tokens": response.usage.completion_tokens if response.usage else None,
            "response_id": response.id and scrub_text(response.id, self.source.secret),
            "duration_s": round(time.monotonic() - self.began, 3),
        }
        _logger.info("%(model)s at %(provider)s answered", facts, extra=facts)


class BaseClient(ABC):
    """A client of one provider, without its I/O."""

    #: Makes the provider's wire form of the settings.
    codec_class: ClassVar[type[Codec]]
    #: The provider's own address.
    default_base_url: ClassVar[str]
    #: The model that is asked where neither client nor call names one.
    default_model: ClassVar[str]
    #: Environment variables that `from_env` looks for the key in, in this order.
    key_variables: ClassVar[tuple[str, ...]] = ()
    #: The environment variable that `from_env` looks for the address in.
    url_variable: ClassVar[str | None] = None
    #: What telemetry calls the provider; None tells it by the address.
    telemetry_name: ClassVar[str | None] = None
    #: HTTP statuses that are tried again.
    retried_statuses: ClassVar[frozenset[int]] = RETRIED_STATUSES

    def __init__(
        self,
        api_key: str | None = None,
        model: str | None = None,
        base_url: str | None = None,
        *,
        timeout: float = 120.0,
        max_retries: int = 3,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        retry_policy: RetryStrategy | None = None,
        **settings: Unpack[FurtherSettings],
    ) -> None:
        """Make a client; nothing is sent.

        :param api_key: the key; None sends none.
        :param model: the model that is asked where a call names none; None for `default_model`.
        :param base_url: address of a server that speaks the provider's language; None for
            `default_base_url`, its own.
        :param timeout: seconds that one try may take from connecting to the last byte; for a
            stream, until its answer begins, and then until each event.
        :param max_retries: tries after the first, 0 to 100, on rate limits, passing server troubles
            and connections that broke before any answer.
        :param headers: further HTTP headers, sent with every request; not printed.
        :param verify: check TLS certificates: True, False, or the path of a CA bundle.
        :param retry_policy: decides on retries in place of the one that the settings describe.
        :param settings: `retry_delay`, `jitter`, `max_retry_after`, `retry_timeouts` and
            `stream_usage`, as `ClientConfig` has them.
        :raises LLMConfigError: a value cannot work, the provider's own address has no key, or a
            package is missing.
        """
        self.config = ClientConfig(
            api_key=api_key,
            model=self.default_model if model is None else model,
            base_url=self.default_base_url if base_url is None else base_url,
            timeout=timeout,
            max_retries=max_retries,
            headers={} if headers is None else headers,
            verify=verify,
            **settings,
        )
        if api_key is None and base_url is None and self.key_variables:
            name = type(self).__name__
            raise LLMConfigError(
                f"{name} needs a key for {self.default_base_url}; give api_key=…, or set "
                f"{' or '.join(self.key_variables)} for {name}.from_env()"
            )
        own_policy = self.config.retry_policy(self.retried_statuses)
        self._policy = checked_policy(retry_policy, own_policy)
        #: The provider's wire form, as these settings have it.
        self.codec = type(self).codec_class(self.config)
        self._headers = merged_headers(self.codec.headers, self.config.headers)
        self._secrets = self.config.secrets
        self._host = urlsplit(self.codec.api_root).netloc
        self._connect()

    @abstractmethod
    def _connect(self) -> None:
        """Take a transport to the codec's address: what blocking and async clients do not share."""

    def __repr__(self) -> str:
        config = self.config
        return f"{type(self).__name__}(model={config.model!r}, base_url={config.base_url!r})"

    @property
    def model(self) -> str:
        """The model that is asked where a call names none."""
        return self.config.model

    @classmethod
    def from_env(cls, **settings: Any) -> Self:
        """A client with the provider's environment variables filling in what is not given.

        The key of the environment goes to the provider's own address, or to the one that the
        environment names; beside a `base_url` that is given, none is read.

        :param settings: as for the constructor; they win over the environment.
        :raises LLMConfigError: a value cannot work, or there is no key.
        """
        if settings.get("base_url") is None:
            if settings.get("api_key") is None:
                found = filter(None, map(os.environ.get, cls.key_variables))
                settings["api_key"] = next(found, None)
            if cls.url_variable and os.environ.get(cls.url_variable):
                settings["base_url"] = os.environ[cls.url_variable]
        return cls(**settings)

    def _prepare(
        self,
        messages: Any,
        model: str | None,
        response_format: Any,
        timeout: float | None,
        **fields: Any,
    ) -> Prepared:
        """Check a call's arguments and make the request of them.

        :param fields: the other arguments of `chat_call`.
        """
        model = self.config.model if model is None else model
        call = chat_call(model, messages, response_format=response_format, **fields)
        return Prepared(
            request=self.codec.request(call),
            source=self._source(model),
            timeout_s=checked_timeout_s(timeout, self.config.timeout),
            wanted=response_format if _asks_for_value(response_format) else None,
            call=call,
        )

    def _files(self) -> FileCodec:
        """The provider's file API. :raises InvalidRequestError: it has none."""
        if self.codec.files is None:
            raise InvalidRequestError(
                f"{type(self).__name__} has no files, since the provider's API has none; put the "
                "content into the message",
                code="no_file_api",
            )
        return self.codec.files

    def _batches(self) -> BatchAPI:
        """The provider's batch endpoint. :raises InvalidRequestError: it has none."""
        raise InvalidRequestError(
            f"{type(self).__name__} knows no batch endpoint of its provider; use engine='threads', "
            "which makes the calls one by one",
            code="no_batch_api",
        )

    def _upload_timeout_s(self, timeout: float | None, size_bytes: int) -> float:
        """The seconds that an upload may take."""
        own_s = upload_timeout_s(self.config.timeout, size_bytes)
        return checked_timeout_s(timeout, own_s)

    def _source(self, model: str | None) -> Source:
        """Who answers, for errors."""
        return Source(self._host, model, self._secrets)

    def _asked(self, prepared: Prepared) -> Asked:
        """What telemetry tells of a call."""
        peer = peer_of(self.codec.api_root, self.telemetry_name)
        return chat_asked(prepared.call, peer, self._secrets)

    def _attempts(self, source: Source) -> Attempts:
        # The caller gets the error, and may have another provider to ask: no failure of theirs yet.
        return Attempts(self._policy, source, logging.DEBUG)


def _asks_for_value(wanted: Any) -> TypeGuard[type[BaseModel] | JSONSchema]:
    return isinstance(wanted, JSONSchema) or is_model_class(wanted)

"""The OpenAI wire form as pure functions: call in, body out; bytes in, typed answer or error out.

Both the blocking and the async client stand on these; nothing here touches a socket or a clock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from LLM.error_response import error_in_success, excerpt
from LLM.exceptions import InvalidRequestError, LLMAPIError, LLMError, LLMResponseError
from LLM.json_size import MAX_JSON_VALUES, has_too_many_values
from LLM.repair import validate_repaired
from LLM.secrets import Secrets, scrub_text
from LLM.sse import Event, SSEDecoder
from LLM.types import OpenAIModel

ModelT = TypeVar("ModelT", bound=OpenAIModel)

DONE = b"[DONE]"

# A JSON escape: a surrogate pair, a lone surrogate (group 1), or anything else escaped.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def message_list(messages: Any) -> list[Any]:
    """The messages as dicts.

    :param messages: dicts, `Message` objects, or any objects with `role` and `content`.
    :raises InvalidRequestError: none given, or one is no message.
    """
    if type(messages) is not list and (
        isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable)
    ):
        raise InvalidRequestError(
            f"messages is a {type(messages).__name__}; give a list such as "
            "[{'role': 'user', 'content': 'Hello!'}]"
        )
    listed = [
        message if type(message) is dict else _as_dict(message, position)
        for position, message in enumerate(messages)
    ]
    for position, message in enumerate(listed):
        if not isinstance(message.get("role"), str):
            raise InvalidRequestError(f"messages[{position}] has no 'role'")
    if not listed:
        raise InvalidRequestError("messages is empty; give at least one")
    return listed


def _as_dict(message: Any, position: int) -> dict[str, Any]:
    if isinstance(message, BaseModel):
        return message.model_dump(exclude_none=True)
    if isinstance(message, Mapping):
        return dict(message)
    if not hasattr(message, "role") or not hasattr(message, "content"):
        # The answer of a client of ours is the likeliest of all that is no message.
        is_answer = hasattr(message, "to_message")
        raise InvalidRequestError(
            f"messages[{position}] is a {type(message).__name__}; give "
            + ("its to_message()" if is_answer else "a dict or an object with 'role' and 'content'")
        )
    fields = ("role", "content", "name", "tool_calls", "tool_call_id")
    found = {name: getattr(message, name, None) for name in fields}
    return {name: value for name, value in found.items() if value is not None}


def check_prompt(prompt: Any) -> None:
    """:raises InvalidRequestError: `prompt` is no text, list of texts, or (lists of) token ids."""
    if isinstance(prompt, str) or (isinstance(prompt, list) and prompt):
        return
    raise InvalidRequestError(
        f"prompt is {type(prompt).__name__ if prompt != [] else 'an empty list'}; "
        "give a string or a non-empty list of strings"
    )


def check_sampling(temperature: Any, max_tokens: Any) -> None:
    """:raises InvalidRequestError: a value is out of its range."""
    if temperature is not None and not (_is_number(temperature) and 0.0 <= temperature <= 2.0):
        raise InvalidRequestError(f"temperature is {temperature!r}; give a number from 0 to 2")
    is_whole = isinstance(max_tokens, int) and not isinstance(max_tokens, bool)
    if max_tokens is not None and not (is_whole and max_tokens >= 0):
        raise InvalidRequestError(f"max_tokens is {max_tokens!r}; give a whole number from 0")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def encode_body(fields: Mapping[str, Any]) -> bytes:
    """The request body; fields that are None are left out.

    :raises InvalidRequestError: a value has no JSON form (the message names what, never the text).
    """
    body: bytes | None = None
    try:
        body = to_json(
            {name: value for name, value in fields.items() if value is not None}, exclude_none=True
        )
    except ValueError as err:
        text = str(err)
        problem = "a lone surrogate, which UTF-8 cannot carry" if "surrogate" in text else text
    if body is None:
        raise InvalidRequestError(f"the request cannot be written as JSON: {problem}")
    if b"NaN" in body or b"Infinity" in body:
        _check_finite(fields, "")
    return body


def _check_finite(value: Any, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidRequestError(f"{place} is {value!r}, which JSON cannot carry")
    if isinstance(value, Mapping):
        for name, item in value.items():
            _check_finite(item, f"{place}.{name}".lstrip("."))
    elif isinstance(value, (list, tuple, set, frozenset)):
        for position, item in enumerate(value):
            _check_finite(item, f"{place}[{position}]")


@dataclass(frozen=True, slots=True)
class Source:
    """Who answers, for errors.

    :param provider: host name.
    :param model: model that was asked.
    :param secret: keys to take out of all text.
    """

    provider: str
    model: str | None
    secret: Secrets

    def error(self, message: str, **facts: Any) -> LLMResponseError:
        """An answer that cannot be read."""
        return LLMResponseError(
            f"{self.provider} {scrub_text(message, self.secret)}",
            provider=self.provider,
            model=self.model,
            **facts,
        )

    def error_inside(self, payload: Any, status: int) -> LLMAPIError | None:
        """The error in an answer that has said yes; None where `payload`, decoded, has none."""
        return error_in_success(
            payload,
            status=status,
            provider=self.provider,
            model=self.model,
            secret=self.secret,
        )

    def cut_short(self, status: int, how: str) -> LLMResponseError:
        """A stream that ended before its answer did.

        :param how: what was missing at its end.
        """
        return self.error(
            f"cut the stream short: {how}; what arrived is in the stream's .response",
            status_code=status,
            code="truncated_stream",
        )

    def complete(self, error: LLMError) -> None:
        """Add who answered to an error from further down, and take the key out of it.

        What libraries say of broken HTTP quotes the server, and a server may echo the key.
        """
        error.provider = error.provider or self.provider
        error.model = error.model or self.model
        error.message = scrub_text(error.message, self.secret)
        error.args = (error.message,)

    def excerpt(self, data: bytes) -> str:
        """The start of what the server sent; the key goes first, lest the cut leave half of it."""
        return excerpt(scrub_text(data[:2000].decode("utf-8", "replace"), self.secret))


def decode_answer(model: type[ModelT], body: bytes, status: int, source: Source) -> ModelT:
    """The answer in `body` as `model`.

    :raises LLMAPIError: it holds an error object.
    :raises LLMResponseError: it is not JSON, not of `model`'s shape, or of too many values.
    """
    if has_too_many_values(body):
        raise source.error(
            f"answered {status} with JSON of more than {MAX_JSON_VALUES:,} values, which was not "
            "read; ask for less in one call",
            status_code=status,
        )
    try:
        answer = model.model_validate_json(body)
    except ValidationError:
        answer = None
    if answer is None:
        # Out of the handler: the validation error quotes the answer, which may echo the key.
        return _decode_unusual(model, body, status, source)
    if answer.__pydantic_extra__ and answer.__pydantic_extra__.get("error"):
        raise_error_inside(answer.__pydantic_extra__, status, source)
    return answer


def _decode_unusual(model: type[ModelT], body: bytes, status: int, source: Source) -> ModelT:
    """Tell apart an error, text that only its encoding spoils, and what is no answer at all."""
    payload = lenient_json(body)
    if payload is None:
        found = source.excerpt(body) or "an empty body"
        raise source.error(
            f"answered {status}, but not with JSON: {found}; check base_url", status_code=status
        )
    raise_error_inside(payload, status, source)
    try:
        return validate_repaired(model, payload)
    except ValidationError as err:
        problem = err.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, problem["loc"])) or "the top"
    raise source.error(
        f"answered {status} with JSON that is no {model.__name__}: {problem['msg']} at {place!r}",
        status_code=status,
    )


def raise_error_inside(payload: Any, status: int, source: Source) -> None:
    """:raises LLMAPIError: `payload`, decoded JSON, holds an error object."""
    if found := source.error_inside(payload, status):
        raise found


def lenient_json(body: bytes) -> Any:
    """The JSON value in `body`, with bytes and escapes that are no Unicode replaced by U+FFFD.

    A half emoji must not cost an answer that was paid for.

    :return: None when it is not JSON, is nested over 200 deep, holds a number of over 4,300 digits,
        or more values than `LLM.json_size` allows.
    """
    if has_too_many_values(body):
        return None
    try:
        return from_json(body)
    except ValueError:
        pass
    # RFC 8259, section 8.1: a byte order mark may be ignored.
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    if "\\u" in text:
        text = _ESCAPE.sub(lambda m: "\\ufffd" if m.group(1) else m.group(0), text)
    try:
        return from_json(text)
    except ValueError:
        return None


class ChunkDecoder(Generic[ModelT]):
    """Decodes one event stream into chunks: bytes in, chunks out.

    Chunks are made one at a time, as they are asked for: a chunk that is dropped before the next is
    made never costs a garbage collection.

    :param model: type of the chunks.
    """

    def __init__(self, model: type[ModelT], status: int, source: Source) -> None:
        #: Whether ``[DONE]`` has arrived.
        self.done = False
        self._model = model
        self._status = status
        self._source = source
        self._sse = SSEDecoder()
        # Whether a choice has begun.
        self._any = False
        # Straight to the compiled validator: model_validate_json costs 0.3 µs more a chunk.
        model.model_rebuild()
        self._validate = model.__pydantic_validator__.validate_json

    def feed(self, data: bytes) -> Iterator[ModelT]:
        """Take the next bytes. :return: the chunks that they complete.

        :raises LLMAPIError: an event holds an error, or cannot be read.
        """
        return self._decode(self._sse.feed(data))

    def finish(self, is_complete: Callable[[], bool]) -> Iterator[ModelT]:
        """The stream has ended without ``[DONE]``.

        :param is_complete: whether every choice has had its finish reason.
        :return: a last chunk that lacked only its empty line.
        :raises LLMResponseError: the stream was cut short, or was none.
        """
        yield from self._decode(self._sse.close())
        if not self.done:
            self._check_stray()
            if not is_complete():
                if not self._any:
                    raise self._not_a_stream()
                raise self._source.cut_short(
                    self._status, "it ended with neither a finish reason nor [DONE]"
                )

    def _decode(self, events: list[Event]) -> Iterator[ModelT]:
        validate = self._validate
        for name, data in events:
            chunk: ModelT | None = None
            if data == DONE:
                self._end()
                return
            if not name:
                try:
                    chunk = validate(data)
                    extra = chunk.__pydantic_extra__
                    if extra and extra.get("error"):
                        raise_error_inside(extra, self._status, self._source)
                except ValidationError:
                    chunk = None
            if chunk is None:
                if data.strip() == DONE:
                    self._end()
                    return
                chunk = self._unusual(name, data)
                if chunk is None:
                    continue
            if not self._any:
                # Chunks that hold usage alone answer nothing.
                self._any = bool(getattr(chunk, "choices", True))
            yield chunk

    def _end(self) -> None:
        """Take the end of the stream, which must have been an answer."""
        self.done = True
        self._check_stray()
        if not self._any:
            raise self._not_a_stream()

    def _unusual(self, name: bytes, data: bytes) -> ModelT | None:
        """A chunk of a named event, or one that only its encoding spoils.

        :return: None for an event of a kind that this API does not have (``event: ping``).
        """
        if name == b"error":
            self._raise_named(data)
        payload = lenient_json(data)
        if name and not (isinstance(payload, dict) and "choices" in payload):
            raise_error_inside(payload, self._status, self._source)
            return None
        return _decode_unusual(self._model, data, self._status, self._source)

    def _raise_named(self, data: bytes) -> None:
        """Raise the error in `data`, of which a name has said that it is one."""
        payload = lenient_json(data)
        if not isinstance(payload, dict):
            payload = {"message": data[:2000].decode("utf-8", "replace")}
        raise_error_inside({"object": "error", **payload}, self._status, self._source)

    def _check_stray(self) -> None:
        """Raise an error that stands outside any event.

        llama.cpp writes ``error: {...}`` into a running stream, proxies a bare JSON document.
        """
        stray = self._sse.stray
        if not stray:
            return
        raise_error_inside(lenient_json(stray), self._status, self._source)
        for line in stray.split(b"\n"):
            if line.startswith(b"error:"):
                self._raise_named(line[6:].strip())
            elif line.startswith((b"{", b"[")):
                raise_error_inside(lenient_json(line), self._status, self._source)

    def _not_a_stream(self) -> LLMAPIError:
        """The whole answer held no choice: say what it was."""
        stray = self._sse.stray
        if not stray:
            return self._source.error(
                f"answered {self._status} with an empty stream", status_code=self._status
            )
        kind = "one JSON document" if isinstance(lenient_json(stray), dict) else "text"
        found = self._source.excerpt(stray)
        return self._source.error(
            f"answered a streamed call with {kind}, not an event stream: {found}; "
            "call with stream=False, or check base_url",
            status_code=self._status,
        )

"""From what was given to a `BatchRequest`, or to the error that says which line is none. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, get_args

from pydantic_core import from_json

from LLM.batch.exceptions import BatchInputError
from LLM.batch.source import RawRequest
from LLM.batch.types import BatchRequest, BatchURL
from LLM.codec import check_prompt, check_sampling, encode_body
from LLM.exceptions import InvalidRequestError
from LLM.json_size import MAX_JSON_VALUES, has_too_many_values

URLS: tuple[BatchURL, ...] = get_args(BatchURL)
#: Longest custom_id, in characters.
MAX_ID_CHARS = 512

#: The field that each kind of call cannot be without.
_NEEDED = {
    "/v1/chat/completions": "messages",
    "/v1/completions": "prompt",
    "/v1/embeddings": "input",
    "/v1/responses": "input",
}
_EXAMPLE = (
    '{"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": […]}}'
)


class RequestReader:
    """Makes requests of lines, checking all that can be told before anything is sent.

    :param model: of bodies that name none; None leaves them without.
    :param urls: what may be called.
    """

    def __init__(self, model: str | None, urls: tuple[BatchURL, ...] = URLS) -> None:
        self._model = model
        self._urls = urls

    def request(self, raw: RawRequest, index: int, place: str) -> BatchRequest:
        """The request in `raw`.

        :param raw: a line of JSON, or what it says.
        :param index: place among the requests, from 0.
        :param place: where it stands, for the error: ``in.jsonl, line 3``.
        :raises BatchInputError: it is no request, or none that can be answered.
        """
        try:
            fields = raw if isinstance(raw, Mapping) else _decoded(raw)
            self._check(fields)
            return self._made(fields, index)
        except InvalidRequestError as err:
            problem = err.message
        raise BatchInputError(f"{place}: {problem}")

    def request_again(self, raw: RawRequest, index: int) -> BatchRequest | None:
        """The request in `raw`, which was checked before.

        :return: None where it is none any more; whether it is the same its `id` tells.
        """
        try:
            return self._made(raw if isinstance(raw, Mapping) else from_json(raw), index)
        except (ValueError, KeyError, TypeError, AttributeError, InvalidRequestError):
            return None

    def _made(self, fields: Mapping[str, Any], index: int) -> BatchRequest:
        url, given = fields["url"], fields["body"]
        # As in a call, what is None is not sent.
        body = {name: value for name, value in given.items() if value is not None}
        if self._model is not None and "model" not in body:
            body["model"] = self._model
        content = encode_body(body)
        return BatchRequest(
            index, fields["custom_id"], url, body, content, request_id(url, content)
        )

    def _check(self, fields: Mapping[str, Any]) -> None:
        custom_id, method = fields.get("custom_id"), fields.get("method", "POST")
        url, body = fields.get("url"), fields.get("body")
        if not isinstance(custom_id, str) or not 0 < len(custom_id) <= MAX_ID_CHARS:
            found = "missing" if custom_id is None else _shown(custom_id)
            raise BatchInputError(
                f"'custom_id' is {found}; give a text of 1 to {MAX_ID_CHARS} characters, unlike "
                f"all others of the job, as in {_EXAMPLE}"
            )
        if method != "POST":
            raise BatchInputError(f"'method' is {_shown(method)}; it must be 'POST'")
        if url not in self._urls:
            found = "missing" if url is None else _shown(url)
            raise BatchInputError(f"'url' is {found}; give one of {', '.join(self._urls)}")
        if not isinstance(body, Mapping):
            raise BatchInputError(f"'body' is {_kind(body)}; give an object, as in {_EXAMPLE}")
        _check_body(body, url)


def _check_body(body: Mapping[str, Any], url: str) -> None:
    model = body.get("model")
    if model is not None and not isinstance(model, str):
        raise BatchInputError(f"'body.model' is {_kind(model)}; give a text")
    if body.get("stream"):
        raise BatchInputError("'body.stream' is set; a job's answers come whole: leave it out")
    needed = _NEEDED[url]
    if url == "/v1/chat/completions":
        _check_messages(body.get("messages"))
    elif url == "/v1/completions":
        check_prompt(body.get("prompt"))
    elif not body.get(needed) and not (url == "/v1/responses" and body.get("prompt")):
        raise BatchInputError(f"'body.{needed}' is missing or empty; {url} needs it")
    check_sampling(body.get("temperature"), body.get("max_tokens"))


def request_id(url: str, content: bytes) -> str:
    """``batch_req_`` and a digest of 128 bits: the same for the same words."""
    digest = blake2b(url.encode() + b"\0" + content, digest_size=16)
    return f"batch_req_{digest.hexdigest()}"


def _decoded(line: bytes) -> Mapping[str, Any]:
    if has_too_many_values(line):
        raise BatchInputError(f"holds more than {MAX_JSON_VALUES:,} JSON values; split it")
    try:
        fields = from_json(line, allow_inf_nan=False)
    except ValueError as err:
        # Of what it says of JSON, only the place is told: never what the line holds.
        raise BatchInputError(f"is no JSON: {_json_problem(line, str(err))}") from None
    if not isinstance(fields, dict):
        raise BatchInputError(f"is {_kind(fields)}, not an object; write {_EXAMPLE}")
    return fields


def _json_problem(line: bytes, problem: str) -> str:
    if line.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in line:
        return "it holds NUL bytes, or is UTF-16; save the file as UTF-8"
    try:
        line.decode()
    except UnicodeDecodeError as err:
        return f"byte {err.start + 1} is no UTF-8; save the file as UTF-8"
    return problem


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise BatchInputError(
            f"'body.messages' is {_kind(messages)}; give a list such as "
            '[{"role": "user", "content": "Hello!"}]'
        )
    for position, message in enumerate(messages):
        if not isinstance(message, dict | Mapping) or not isinstance(message.get("role"), str):
            raise BatchInputError(f"'body.messages[{position}]' is no object with a 'role'")


def _shown(value: Any) -> str:
    """A value in an error: short, and of what nests only the kind."""
    if isinstance(value, (str, int, float, bool)):
        text = repr(value)
        return text if len(text) <= 80 else text[:79] + "…"
    return _kind(value)


def _kind(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, (list, dict)) and not value:
        return "empty"
    names = {dict: "an object", list: "a list", str: "a text", bool: "a truth value"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else "no JSON")

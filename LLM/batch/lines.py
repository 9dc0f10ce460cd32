"""Lines of a job's output and errors files, written and read. Pure.

They are those of OpenAI's batches::

    {"id": "batch_req_…", "custom_id": "a", "response": {"status_code": 200, "request_id": "req_1",
     "body": {…}}, "error": null}
    {"id": "batch_req_…", "custom_id": "b", "response": {"status_code": 400, …},
     "error": {"code": "…", "message": "…", "type": "InvalidRequestError"}}

A request that has failed is told in `error`; `response` then is what the server said, or null where
no answer arrived.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from LLM.batch import exceptions as ours
from LLM.batch.types import BatchOutcome
from LLM.codec import lenient_json
from LLM.exceptions import LLMError

#: How every line begins.
LINE_START = b'{"id":"batch_req_'
_ANSWERED_END = b'},"error":null}\n'


def outcome_line(outcome: BatchOutcome) -> bytes:
    """The line of an outcome, with its line feed."""
    request = outcome.request
    head = b'{"id":"%b","custom_id":%b,"response":' % (
        request.id.encode(),
        to_json(request.custom_id),
    )
    if outcome.error is not None:
        response = _refusal(outcome)
        error = as_json(error_object(outcome.error))
        return b'%b%b,"error":%b}\n' % (head, response, error)
    return b'%b{"status_code":%d,"request_id":%b,"body":%b%b' % (
        head,
        outcome.status_code or 200,
        as_json(outcome.request_id),
        _body(outcome.answer or b"null"),
        _ANSWERED_END,
    )


def is_failure(line: bytes) -> bool:
    """Whether a line tells of a request that has failed."""
    if line.endswith(_ANSWERED_END):
        return False
    # Its file may have been written anew by somebody, with spaces or in another order.
    record = read_line(line)
    return record is None or record.error is not None


def as_json(value: Any) -> bytes:
    """JSON that every reader takes: NaN is null, and half a character is U+FFFD."""
    try:
        return to_json(value, inf_nan_mode="null")
    except PydanticSerializationError:  # headers can hold what is no Unicode
        return to_json(lenient_json(json.dumps(value).encode()), inf_nan_mode="null")


def _body(answer: bytes) -> bytes:
    """An answer without the words for numbers that JSON does not have; servers write them."""
    if b"NaN" in answer or b"Infinity" in answer:
        return as_json(from_json(answer))
    return answer


def copied_line(line: bytes, record: Record, custom_id: str) -> bytes:
    """The line of a request whose words, and so whose outcome, are those of another one.

    :param line: the other one's, which `record` was read from.
    """
    start = b'{"id":"%b","custom_id":' % record.id.encode()
    old = start + to_json(record.custom_id)
    if line.startswith(old):
        return start + to_json(custom_id) + line[len(old) :]
    # Somebody has written the file anew, with spaces or in another order.
    return as_json({**from_json(line), "custom_id": custom_id}) + b"\n"


def error_object(error: LLMError) -> dict[str, Any]:
    """An error as a line has it; keys are not in errors."""
    return {"code": error.code, "message": str(error), "type": type(error).__name__}


def _refusal(outcome: BatchOutcome) -> bytes:
    error = outcome.error
    assert error is not None, "only failures are refusals"
    status = outcome.status_code or error.status_code
    if status is None:
        return b"null"
    body = {"error": error.body} if isinstance(error.body, dict) else error.body
    request_id = outcome.request_id or error.request_id
    return as_json({"status_code": status, "request_id": request_id, "body": body})


@dataclass(frozen=True, slots=True)
class Record:
    """What a line says.

    :param id: the request's, see `BatchRequest.id`.
    :param response: status_code, request_id and body; None where no answer arrived.
    :param error: code, message and type; None where the request was answered.
    """

    id: str
    custom_id: str
    response: dict[str, Any] | None = field(repr=False)
    error: dict[str, Any] | None


def read_line(line: bytes) -> Record | None:
    """What a line says; None when it is none of ours."""
    try:
        fields = from_json(line)
    except ValueError:
        return None
    if not isinstance(fields, dict):
        return None
    id_, custom_id = fields.get("id"), fields.get("custom_id")
    response, error = fields.get("response"), fields.get("error")
    if not isinstance(id_, str) or not isinstance(custom_id, str):
        return None
    if not isinstance(response, dict | None) or not isinstance(error, dict | None):
        return None
    if response is None and error is None:
        return None
    return Record(id_, custom_id, response, error)


def error_of(record: Record) -> LLMError | None:
    """The error that a line tells of, in the class that it was; None where there is none."""
    if record.error is None:
        return None
    from LLM import exceptions

    name = record.error.get("type")
    cls = getattr(exceptions, str(name), None) or getattr(ours, str(name), None)
    if not (isinstance(cls, type) and issubclass(cls, LLMError)):
        cls = LLMError
    response = record.response or {}
    body = response.get("body")
    return cls(
        str(record.error.get("message") or "failed"),
        code=record.error.get("code"),
        status_code=response.get("status_code"),
        request_id=response.get("request_id"),
        body=body.get("error", body) if isinstance(body, dict) else body,
    )

"""Every error class is produced by something, and survives pickling and copying with its facts."""

from __future__ import annotations

import copy
import pickle
import socket

import pytest

from LLM import (
    InvalidRequestError,
    LLMAPIError,
    LLMAuthError,
    LLMConfig,
    LLMConfigError,
    LLMConnectionError,
    LLMContentFilterError,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    LLMTimeoutError,
    ModelNotFoundError,
    UsageLimitError,
    exceptions,
)
from tests.remote import wire
from tests.remote.conftest import MESSAGES
from tests.remote.scripted_server import hang, reset


def _refusal(status: int, **error: str) -> bytes:
    headers = [("x-request-id", "req_1"), ("retry-after", "7")]
    return wire.answer({"error": {"message": "no", **error}}, status, headers)


PRODUCERS = {
    LLMConnectionError: ([reset], {}),
    LLMTimeoutError: ([hang], {"timeout": 0.2}),
    UsageLimitError: (b"", {"max_total_tokens": 1}),
    LLMAPIError: (_refusal(418), {}),
    LLMAuthError: (_refusal(401), {}),
    LLMRateLimitError: (_refusal(429), {}),
    InvalidRequestError: (_refusal(400), {}),
    LLMConfigError: (b"", {"base_url": "nowhere"}),
    LLMContextLengthError: (_refusal(400, code="context_length_exceeded"), {}),
    LLMContentFilterError: (_refusal(400, code="content_filter"), {}),
    ModelNotFoundError: (_refusal(404, code="model_not_found"), {}),
    LLMServerError: (_refusal(500), {}),
    LLMResponseError: (wire.answer(b"<html>"), {}),
}
# A 418 is read as any other 4xx: the caller's.
EXPECTED = {LLMAPIError: (LLMAPIError, InvalidRequestError)}


def test_every_error_class_is_produced_here():
    classes = {value for value in vars(exceptions).values() if isinstance(value, type)}
    errors = {one for one in classes if issubclass(one, LLMError)} - {LLMError}
    # Those of cassettes come of files, and have tests of their own.
    assert set(PRODUCERS) == {e for e in errors if not issubclass(e, exceptions.CassetteError)}


def _produced(serve, world, cls: type[LLMError]) -> LLMError:
    script, settings = PRODUCERS[cls]
    settings = {"base_url": serve(script).url, "max_retries": 0, **settings}
    with pytest.raises(LLMError) as caught, world(LLMConfig(**settings)) as llm:
        llm.chat_completion(MESSAGES)
    assert type(caught.value) in EXPECTED.get(cls, (cls,))
    return caught.value


@pytest.mark.parametrize("cls", PRODUCERS, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(
    "duplicate",
    [
        *(lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in (0, 2, 5)),
        copy.copy,
        copy.deepcopy,
    ],
    ids=["pickle-0", "pickle-2", "pickle-5", "copy", "deepcopy"],
)
def test_error_survives_a_copy_with_all_its_facts(serve, world, cls, duplicate):
    error = _produced(serve, world, cls)
    again = duplicate(error)
    assert type(again) is type(error)
    assert (again.args, vars(again), str(again)) == (error.args, vars(error), str(error))


def test_facts_of_a_refusal_are_complete(serve, world):
    error = _produced(serve, world, LLMRateLimitError)
    assert vars(error) == {
        "message": str(error),
        "status_code": 429,
        "retry_after": 7.0,
        "provider": error.provider,
        "model": "gpt-4",
        "body": {"error": {"message": "no"}},
        "request_id": "req_1",
        "code": None,
    }


@pytest.mark.parametrize("cls", [LLMConnectionError, LLMTimeoutError, LLMResponseError])
def test_error_without_a_refusal_names_server_and_model(serve, world, cls):
    error = _produced(serve, world, cls)
    assert error.provider.startswith("127.0.0.1:")
    assert error.model == "gpt-4"


@pytest.mark.parametrize(
    ("after", "cls"),
    [
        (b"", LLMResponseError),
        (b"data: x\n\n", LLMResponseError),
        (wire.event({"error": "no"}), LLMAPIError),
        (b"x" * 17_000_000, LLMResponseError),
    ],
    ids=["cut", "no-json", "error", "too-large"],
)
def test_error_in_a_stream_names_server_and_model(serve, client, after, cls):
    script = wire.stream_answer(wire.event(wire.chunk("x")) + after)
    with pytest.raises(cls) as caught:
        list(client(serve(script)).chat_completion(MESSAGES, stream=True))
    assert caught.value.provider.startswith("127.0.0.1:")
    assert caught.value.model == "gpt-4"


@pytest.mark.parametrize("script", [[reset], [hang]], ids=["reset", "timeout"])
def test_broken_stream_names_server_and_model(serve, client, script):
    stream = client(
        serve([wire.UNTIL_CLOSE + wire.event(wire.chunk("x")), *script]), timeout=0.2
    ).chat_completion(MESSAGES, stream=True)
    with pytest.raises(LLMError) as caught:
        list(stream)
    assert caught.value.provider.startswith("127.0.0.1:")
    assert caught.value.model == "gpt-4"


def test_system_error_is_the_cause(client):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(LLMConnectionError) as caught:
        client(f"http://127.0.0.1:{port}").list_models()
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)


def test_one_except_catches_everything():
    assert all(issubclass(cls, LLMError) for cls in PRODUCERS)
    assert issubclass(LLMConfigError, ValueError)

"""llmring's errors are those of the layers below, under the names that its users catch."""

from __future__ import annotations

import inspect
import pickle

import pytest

import llmring
from LLM import exceptions as below
from llmring import exceptions
from llmring.exceptions import (
    LLMRingError,
    ModelNotFoundError,
    ProviderAuthenticationError,
    ProviderRateLimitError,
    ProviderTimeoutError,
    is_retryable_error,
    wrap_exception,
)

OURS = [
    cls
    for _, cls in inspect.getmembers(exceptions, inspect.isclass)
    if cls.__module__ == exceptions.__name__
]
# A limit of the caller's own is no provider's affair.
BELOW = [
    cls
    for _, cls in inspect.getmembers(below, inspect.isclass)
    if cls.__module__ == below.__name__ and cls is not below.UsageLimitError
]


@pytest.mark.parametrize("cls", OURS, ids=lambda cls: cls.__name__)
def test_every_error_is_llmrings_and_pickles_with_its_facts(cls: type[LLMRingError]) -> None:
    error = cls("no", details={"n": 1}, status_code=418, retry_after=2.0)
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, LLMRingError)
    assert (type(again), str(again), again.details) == (cls, "no", {"n": 1})
    assert (again.status_code, again.retry_after) == (418, 2.0)


@pytest.mark.parametrize("cls", BELOW, ids=lambda cls: cls.__name__)
def test_an_error_of_the_layers_below_stays_of_its_class(cls: type[below.LLMError]) -> None:
    error = cls("no", status_code=418, retry_after=2.0, code="x", body={"a": 1}, request_id="r")
    error.provider = "api.openai.com"
    wrapped = wrap_exception(error, provider="openai")
    assert isinstance(wrapped, cls)
    assert wrapped.__cause__ is wrapped.root_cause is error
    assert (wrapped.message, wrapped.provider, wrapped.request_id) == ("no", "openai", "r")
    assert (wrapped.status_code, wrapped.retry_after, wrapped.code) == (418, 2.0, "x")


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (below.LLMAuthError("no"), ProviderAuthenticationError),
        (below.LLMRateLimitError("no"), ProviderRateLimitError),
        (below.LLMTimeoutError("no"), ProviderTimeoutError),
        (below.ModelNotFoundError("no"), ModelNotFoundError),
        (KeyError("no"), LLMRingError),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_wrapping_gives_the_name_that_users_catch(
    error: Exception, name: type[LLMRingError]
) -> None:
    assert type(wrap_exception(error)) is name


def test_an_error_of_llmrings_is_not_wrapped_again() -> None:
    error = ProviderRateLimitError("no")
    assert wrap_exception(error) is error


def test_the_root_cause_is_the_first_error_of_the_chain() -> None:
    first = OSError("reset")
    middle = below.LLMConnectionError("broken")
    middle.__cause__ = first
    assert wrap_exception(middle).root_cause is first


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (below.LLMRateLimitError("no"), True),
        (below.LLMRateLimitError("no", code="insufficient_quota"), False),
        (below.LLMServerError("no"), True),
        (below.LLMTimeoutError("no"), True),
        (below.LLMAuthError("no"), False),
        (below.InvalidRequestError("no"), False),
        (KeyError("no"), False),
    ],
    ids=["rate", "quota", "server", "timeout", "auth", "request", "other"],
)
def test_only_what_may_pass_is_worth_another_try(error: Exception, retryable: bool) -> None:
    assert is_retryable_error(error) is retryable
    if isinstance(error, below.LLMError):
        assert is_retryable_error(wrap_exception(error)) is retryable


def test_every_error_is_in_the_package_too() -> None:
    assert {cls.__name__ for cls in OURS} <= set(llmring.__all__)
    assert llmring.ProviderRateLimitError is exceptions.ProviderRateLimitError

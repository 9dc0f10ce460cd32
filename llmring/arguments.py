"""The arguments of a ring's calls, made into requests. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError as PydanticValidationError

from llmring.exceptions import ValidationError
from llmring.pydantic_errors import first_problem
from llmring.schemas import LLMRequest


def as_request(
    request: LLMRequest | str, messages: Sequence[Any] | None, fields: Mapping[str, Any]
) -> LLMRequest:
    """The request that the arguments of a call make.

    :raises ValidationError: they make none; the message says why.
    """
    if isinstance(request, LLMRequest):
        if messages is None and not fields:
            return _named(request)
        raise ValidationError("give the fields in the LLMRequest, or give an alias and messages=…")
    if messages is None:
        # What was given may be a prompt, which no message holds.
        raise ValidationError(
            f"the call has no messages, but a {type(request).__name__}; give an LLMRequest, or an "
            "alias and messages=[…]"
        )
    if "stream" in fields:
        raise ValidationError("chat has no `stream`; call chat_stream(…) for an answer in chunks")
    try:
        return _named(LLMRequest(model=request, messages=messages, **fields))
    except PydanticValidationError as err:
        problem = first_problem(err)
        if problem.startswith("response_format"):  # pydantic tells of the first form alone
            problem = "response_format: give a dict as OpenAI has it, or a pydantic class"
    raise ValidationError(f"the arguments make no request ({problem})")


def _named(request: LLMRequest) -> LLMRequest:
    # Taken for None it would ask another model than was meant, and bill it.
    if request.model == "":
        raise ValidationError("model is empty; give an alias or provider:model, or leave it out")
    return request

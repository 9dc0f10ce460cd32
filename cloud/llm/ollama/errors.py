"""What an Ollama server says went wrong, as our errors. Pure.

Its errors are ``{"error": "text"}`` alone, so that text breaks ties where the status does not.

Source: https://docs.ollama.com/api/errors; server/routes.go, server/images.go.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

from cloud.llm.errors import recast
from LLM import attempts
from LLM.codec import Source
from LLM.exceptions import (
    LLMAPIError,
    LLMAuthError,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMServerError,
    ModelNotFoundError,
)

# Ollama's cloud: "you have reached your weekly usage limit, upgrade for higher limits".
_QUOTA_TEXT = re.compile(r"\busage limit\b", re.IGNORECASE)
_NO_MODEL_TEXT = re.compile(
    r"\bmodel\b.{0,200}\bnot found|\bmanifest\b.{0,200}\b(?:does not exist|not found)", re.I | re.S
)
_CONTEXT_TEXT = re.compile(r"context (?:length|window|size)|available context", re.IGNORECASE)
_AUTH_TEXT = re.compile(r"\bunauthorized\b|\bforbidden\b", re.IGNORECASE)


def refusal(status: int, headers: Mapping[str, str], body: bytes, source: Source) -> LLMError:
    """The error for an answer whose status is not 2xx."""
    error = attempts.refusal(status, headers, _unwrapped(body), source)
    if isinstance(error, LLMRateLimitError) and _QUOTA_TEXT.search(error.message):
        error.code = "quota_exceeded"
    if isinstance(error, ModelNotFoundError):
        _advise_pull(error)
    return error


def error_inside(payload: Any, status: int, source: Source) -> LLMAPIError | None:
    """The error that an answer tells after it has said yes; None where `payload` tells none.

    :param payload: decoded JSON.
    """
    found = source.error_inside(payload, status)
    if type(found) is not LLMAPIError:
        return found
    # Ollama's own status for an error of unknown kind is 500: its runner failed.
    classes = (
        (_CONTEXT_TEXT, LLMContextLengthError),
        (_NO_MODEL_TEXT, ModelNotFoundError),
        (_AUTH_TEXT, LLMAuthError),
    )
    kind = next((cls for text, cls in classes if text.search(found.message)), LLMServerError)
    return recast(found, kind)


def _advise_pull(error: LLMError) -> None:
    error.message += "; if it is in Ollama's library, the client's ensure_model() gets it"
    error.args = (error.message,)


def _unwrapped(body: bytes) -> bytes:
    """The error of the program that runs the model, which Ollama quotes as JSON inside its own."""
    try:
        inner = from_json(body)["error"]
        if isinstance(from_json(inner)["error"], dict | str):
            return bytes(inner.encode())
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        pass
    return body

"""What went wrong with an Ollama server, as our errors. Pure: facts in, exceptions out."""

from __future__ import annotations

import difflib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json

from LLM.error_response import api_error, excerpt
from LLM.exceptions import (
    LLMAPIError,
    LLMConnectionError,
    LLMContextLengthError,
    LLMResponseError,
    LLMServerError,
    LLMTimeoutError,
    ModelNotFoundError,
)


class Failures:
    """The errors of one server.

    :param origin: scheme, host and port, by which messages name the server.
    :param secret: the key, taken out of what the server says; None for none.
    """

    def __init__(self, origin: str, secret: str | None) -> None:
        self.origin = origin
        self._secret = secret

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, model: str | None
    ) -> LLMAPIError:
        """The answer has another status than 200.

        Redirects are among them: followed, they would carry the prompt to another address.
        """
        if not 400 <= status < 600:
            return self.unreadable(f"has the status {status}; is an Ollama server there?")
        error = api_error(
            status,
            headers,
            _unwrapped(body),
            provider=f"Ollama at {self.origin}",
            model=model,
            secret=self._secret,
            now=time.time(),
        )
        return self.no_such_model(model) if model and type(error) is ModelNotFoundError else error

    def amid(self, reason: Any) -> LLMAPIError:
        """An error object came after the server had said yes, so without a status."""
        # Read as a refusal first: a prompt that is too long has one class, whenever it is told.
        told = self.refusal(400, {}, to_json({"error": reason}), None)
        if isinstance(told, LLMContextLengthError):
            return told
        return LLMServerError(
            f"Ollama at {self.origin} failed amid its answer: {told.message.partition(': ')[2]}",
            status_code=500,
            provider=told.provider,
            body=told.body,
        )

    def unreachable(self, reason: str) -> LLMConnectionError:
        """Nobody takes the connection."""
        return LLMConnectionError(
            f"cannot connect to Ollama at {self.origin} ({excerpt(reason)}); start it with "
            "'ollama serve', or set OLLAMA_HOST to where it runs",
            provider=self.origin,
            code="connect",
        )

    def disconnected(self, reason: str) -> LLMConnectionError:
        """The connection ended before there was an answer."""
        return LLMConnectionError(
            f"Ollama at {self.origin} closed the connection before answering ({excerpt(reason)})",
            provider=self.origin,
            code="disconnected",
        )

    def timed_out(self, deadline: str, timeout_s: float) -> LLMTimeoutError:
        """A deadline passed."""
        return LLMTimeoutError(
            f"nothing new came from Ollama at {self.origin} within {timeout_s:g} s (deadline "
            f"{deadline!r}); raise server_timeout if the model needs longer",
            provider=self.origin,
            code=deadline,
        )

    def unreadable(self, what: str) -> LLMResponseError:
        """The server said yes, and then something that cannot be read."""
        return LLMResponseError(
            f"the answer of Ollama at {self.origin} {what}", provider=self.origin
        )

    def no_such_model(self, name: str, present: Sequence[str] | None = None) -> ModelNotFoundError:
        """The server does not have a model.

        :param present: names of those that it has; None where nobody asked.
        """
        near = difflib.get_close_matches(name, present or (), n=3, cutoff=0.5)
        found = ""
        if present is not None:
            found = f"; near: {', '.join(map(repr, near))}" if near else f" among {len(present)}"
        return ModelNotFoundError(
            f"there is no model {name!r} at {self.origin}{found}; get it with 'ollama pull "
            f"{name}', or with pull=True",
            status_code=404,
            model=name,
            code="model_not_found",
        )


def _unwrapped(body: bytes) -> bytes:
    """The error of the program that runs the model, which Ollama quotes as JSON inside its own."""
    try:
        inner = from_json(body)["error"]
        if isinstance(from_json(inner)["error"], (dict, str)):
            return bytes(inner.encode())
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        pass
    return body

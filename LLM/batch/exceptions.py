"""What only jobs raise, beside what their calls do."""

from __future__ import annotations

from LLM.exceptions import InvalidRequestError, LLMError


class BatchInputError(InvalidRequestError):
    """A job's input holds what is no request: found before anything is sent."""


class BatchOutputError(LLMError):
    """A job's output cannot be used: it is in use, full, or what another job has written."""

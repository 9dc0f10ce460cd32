"""Errors of this package that calls over HTTP do not have; they stand in the tree of `LLMError`."""

from __future__ import annotations

from LLM.exceptions import LLMError


class StoreError(LLMError):
    """A file of conversations cannot be read or written.

    Raised when an answer could not be stored, `body` is that answer as a dict: it is not lost.
    """

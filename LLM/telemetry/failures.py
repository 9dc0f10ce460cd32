"""What an error is told as: its class, its status, and never its message, which may quote."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from LLM.exceptions import LLMError
from LLM.telemetry import names

logger = logging.getLogger("LLM")

_Arguments = ParamSpec("_Arguments")
_Value = TypeVar("_Value")


def failure_attributes(error: BaseException) -> dict[str, Any]:
    """The attributes of what failed."""
    found: dict[str, Any] = {names.ERROR_TYPE: error_type(error)}
    if isinstance(error, LLMError) and error.status_code is not None:
        found[names.HTTP_STATUS] = error.status_code
    return found


def error_type(error: BaseException) -> str:
    """The value of `error.type`: the class's name, as ``LLMRateLimitError``."""
    return type(error).__qualname__


def harmless(
    default: _Value,
) -> Callable[[Callable[_Arguments, _Value]], Callable[_Arguments, _Value]]:
    """Have a function never raise: an exporter that fails must not fail a call.

    :param default: what it gives then.
    """

    def decorate(function: Callable[_Arguments, _Value]) -> Callable[_Arguments, _Value]:
        told = False

        @functools.wraps(function)
        def guarded(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Value:
            nonlocal told
            try:
                return function(*args, **kwargs)
            except Exception as err:  # noqa: BLE001  # whatever a plugged-in provider raises
                # Once: a job of 20,000 calls would fill the log. The message may hold content.
                level = logging.DEBUG if told else logging.WARNING
                told = True
                logger.log(level, "telemetry failed in %s: %s", function.__name__, error_type(err))
                return default

        return guarded

    return decorate

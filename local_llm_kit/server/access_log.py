"""The log of requests: who asked is not in it, nor what was said, nor any key."""

from __future__ import annotations

import logging
from typing import Any

from starlette.types import Scope

from local_llm_kit.server.counts import TokenCounts, token_counts

#: Silent unless the server is told to log requests.
ACCESS_LOG = logging.getLogger("local_llm_kit.access")

_MAX_PATH_CHARS = 200
#: Where a handler leaves the function that tells a request's token counts.
USAGE_KEY = "local_llm_kit.usage"


def log_request(scope: Scope, status: int, took_s: float, request_id: str) -> None:
    """Log a request that has ended.

    The record carries `method`, `path`, `status`, `took_ms`, `prompt_tokens`, `completion_tokens`
    and `request_id` as attributes too, for handlers that write JSON.

    :param status: of the answer.
    :param took_s: seconds from its headers to the end of the answer.
    """
    if not ACCESS_LOG.isEnabledFor(logging.INFO):
        return
    counts = token_counts(scope[USAGE_KEY]()) if USAGE_KEY in scope else TokenCounts(0, 0, 0)
    fields = {
        **request_fields(scope, status, took_s, request_id),
        "prompt_tokens": counts.prompt,
        "completion_tokens": counts.generated,
    }
    ACCESS_LOG.info(
        "%(method)s %(path)s %(status)d %(took_ms).1f ms, "
        "%(prompt_tokens)d + %(completion_tokens)d tokens, %(request_id)s",
        fields,
        extra=fields,
    )


def request_fields(scope: Scope, status: int, took_s: float, request_id: str) -> dict[str, Any]:
    """What all our servers log of a request; takes what `log_request` does."""
    return {
        "method": scope["method"],
        # As it came, without what follows a question mark: no decoded line break forges a line.
        "path": scope["raw_path"].decode("ascii", "backslashreplace")[:_MAX_PATH_CHARS],
        "status": status,
        "took_ms": round(took_s * 1000, 1),
        "request_id": request_id,
    }

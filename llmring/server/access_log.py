"""The log of requests: who asked is not in it, nor what was said or searched for, nor any key."""

from __future__ import annotations

import logging

from starlette.types import Scope

#: Silent unless the server is told to log requests.
ACCESS_LOG = logging.getLogger("llmring.access")
_MAX_PATH_CHARS = 200


def show_access_log() -> None:
    """Write the log to standard error, unless the program has sent it somewhere itself."""
    if _is_heard(ACCESS_LOG):
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    ACCESS_LOG.addHandler(handler)
    ACCESS_LOG.setLevel(logging.INFO)


def _is_heard(logger: logging.Logger | None) -> bool:
    """Whether what a logger is told goes anywhere."""
    while logger is not None:
        if not all(isinstance(one, logging.NullHandler) for one in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def log_request(scope: Scope, status: int, took_s: float, request_id: str) -> None:
    """Log a request that has ended; its facts are attributes of the record, too.

    :param took_s: seconds from its headers to the end of the answer.
    """
    # As it came, without what follows a question mark: no decoded line break forges a line.
    path = scope["raw_path"].decode("ascii", "backslashreplace")[:_MAX_PATH_CHARS]
    fields = {
        "method": scope["method"],
        "path": path,
        "status": status,
        "took_ms": round(took_s * 1000, 1),
        "request_id": request_id,
    }
    ACCESS_LOG.info(
        "%(method)s %(path)s %(status)d %(took_ms).1f ms, %(request_id)s", fields, extra=fields
    )

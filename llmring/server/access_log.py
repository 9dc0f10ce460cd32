"""The log of requests: who asked is not in it, nor what was said or searched for, nor any key."""

from __future__ import annotations

import logging

from starlette.types import Scope

from local_llm_kit.server.access_log import request_fields

#: Silent unless the server is told to log requests.
ACCESS_LOG = logging.getLogger("llmring.access")


def log_request(scope: Scope, status: int, took_s: float, request_id: str) -> None:
    """Log a request that has ended; its facts are attributes of the record, too.

    :param took_s: seconds from its headers to the end of the answer.
    """
    fields = request_fields(scope, status, took_s, request_id)
    ACCESS_LOG.info(
        "%(method)s %(path)s %(status)d %(took_ms).1f ms, %(request_id)s", fields, extra=fields
    )

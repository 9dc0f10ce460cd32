"""The server itself: its health, its lists of models, its errors."""

from __future__ import annotations

from typing import Literal

from llmring.server.wire.base import Wire


class Health(Wire):
    """Whether the server is alive.

    :param database: ``unavailable`` comes with the status 503.
    :param needs_first_key: no key is there yet, and ``POST …/keys`` makes the first without one.
    """

    status: Literal["ok", "unavailable"]
    database: Literal["ok", "unavailable"]
    version: str
    needs_first_key: bool = False


class RegistryList(Wire):
    """A provider's list of models.

    :param url: its path on this server.
    """

    provider: str
    version: int | None
    models: int
    url: str


class RegistryIndex(Wire):
    """The lists of models that the server has.

    The server's address and ``/registry`` make a `registry_url`, on this machine or behind TLS.
    """

    providers: list[RegistryList]


class ErrorFacts(Wire):
    """What went wrong.

    :param type: ``invalid_request_error``, ``authentication_error``, ``rate_limit_error`` or
        ``server_error``.
    :param param: the field of the body or the query that is wrong; None for none.
    :param code: for programs, such as ``not_found``, ``invalid_api_key``, ``store_unavailable``.
    """

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorAnswer(Wire):
    """The answer to what cannot be done, in the shape that OpenAI's API has."""

    error: ErrorFacts

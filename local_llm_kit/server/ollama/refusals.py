"""What Ollama's API offers for changing the models on a disk, and this server does not.

Whoever may ask for an answer must not have gigabytes downloaded or files deleted by that; the
command line on the server's machine does it.
"""

from __future__ import annotations

from typing import NoReturn

from starlette.requests import Request

from LLM.exceptions import InvalidRequestError

#: Methods and paths, and what to do instead.
REFUSED = (
    ("POST", "/api/pull", "download it there: local-llm-kit models pull NAME"),
    ("DELETE", "/api/delete", "remove it there: local-llm-kit models rm NAME"),
    ("POST", "/api/push", "models are not published from here"),
    ("POST", "/api/create", "put a GGUF file there and serve it: local-llm-kit serve --model FILE"),
    ("POST", "/api/copy", "give it a further name there: local-llm-kit serve --alias NAME"),
    ("POST", "/api/blobs/{digest}", "put files there yourself"),
)


class Refusal:
    """The handler of a route that is always refused; the body is not looked at.

    :param advice: what to do instead.
    """

    def __init__(self, advice: str) -> None:
        self._advice = advice

    async def __call__(self, request: Request) -> NoReturn:
        """:raises InvalidRequestError: always."""
        raise InvalidRequestError(
            f"models are managed on the server's own machine, not over HTTP; {self._advice}",
            status_code=403,
            code="not_over_http",
        )

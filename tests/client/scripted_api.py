"""What the `responses` library is for requests, for any client: answers by address, on loopback."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Self

from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer


@dataclass(frozen=True)
class SentCall:
    """One call, as `responses` keeps it."""

    request: Request


@dataclass
class _Answer:
    data: bytes
    given: bool = False


class ScriptedAPI:
    """Answers of one address, in the order in which they were told; the last one repeats.

    :param base: the address that tests write, in whose place `url` answers.
    """

    def __init__(self, base: str) -> None:
        self._base = base
        self._answers: dict[tuple[str, str], list[_Answer]] = {}
        self._server = ScriptedServer((self._script,))
        self.url = self._server.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        self._server.close()
        if kind is None:
            left = [one for answers in self._answers.values() for one in answers if not one.given]
            assert left == [], "answers that nobody asked for"

    @property
    def calls(self) -> list[SentCall]:
        return [SentCall(request) for request in self._server.requests]

    def post(self, url: str, **answer: Any) -> None:
        """Answer a POST to `url`; arguments are those of `responses`."""
        self._add("POST", url, **answer)

    def get(self, url: str, **answer: Any) -> None:
        """Answer a GET of `url`."""
        self._add("GET", url, **answer)

    def _add(
        self,
        method: str,
        url: str,
        *,
        status: int = 200,
        json: Any = None,
        body: str = "",
        content_type: str = "text/plain",
    ) -> None:
        data = json_bytes(json) if json is not None else body.encode()
        whole = wire.answer(data, status, content_type=content_type)
        answers = self._answers.setdefault((method, url.removeprefix(self._base)), [])
        answers.append(_Answer(whole))

    def _script(self, request: Request) -> bytes:
        answers = self._answers[request.method, request.path]
        while len(answers) > 1 and answers[0].given:
            answers.pop(0)
        answers[0].given = True
        return answers[0].data


def json_bytes(value: Any) -> bytes:
    return json.dumps(value).encode()

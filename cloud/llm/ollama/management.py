"""Questions about an Ollama server's models, and their answers. Pure.

Source: https://docs.ollama.com/api: ``/api/tags``, ``/api/ps``, ``/api/show``, ``/api/pull``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cloud.llm.ollama.errors import error_inside
from cloud.llm.ollama.lines import LineDecoder
from cloud.llm.questions import Question
from LLM.codec import Source, encode_body, lenient_json
from LLM.exceptions import InvalidRequestError, LLMResponseError

#: Seconds in which a server that is there has answered `is_available`.
AVAILABLE_WITHIN_S = 2.0

PULL_PATH = "/api/pull"


@dataclass(frozen=True, slots=True)
class PullProgress:
    """How far a download is.

    :param status: what is being done, in Ollama's words: ``pulling manifest``, ``pulling
        970aa74c0a90``, ``verifying sha256 digest``, ``writing manifest``, ``success``.
    :param digest: the file that is being downloaded; None between files.
    :param completed: bytes of the file that are there; None where it has not begun.
    :param total: bytes of the file; None between files.
    """

    status: str
    digest: str | None = None
    completed: int | None = None
    total: int | None = None


def read_models(body: bytes, status: int, source: Source) -> list[dict[str, Any]]:
    """The entries of a list of models.

    :raises LLMAPIError: the answer tells an error, or is no such list.
    """
    models = read_object(body, status, source).get("models")
    # Go writes a list that was never begun as null.
    entries = [] if models is None else models
    if not isinstance(entries, list) or not all(map(_is_named, entries)):
        raise _not_ollama(status, source)
    return entries


def read_names(body: bytes, status: int, source: Source) -> list[str]:
    """The models' names, as chats take them; raises as `read_models` does."""
    return [entry.get("model") or entry["name"] for entry in read_models(body, status, source)]


def read_object(body: bytes, status: int, source: Source) -> dict[str, Any]:
    """The JSON object of an answer.

    :raises LLMAPIError: it tells an error, or is no object.
    """
    payload = lenient_json(body)
    if error := error_inside(payload, status, source):
        raise error
    if not isinstance(payload, dict):
        raise _not_ollama(status, source)
    return payload


LIST_MODELS = Question("GET", "/api/tags", read_names)
LOADED_MODELS = Question("GET", "/api/ps", read_models)
SHOW_MODEL = Question("POST", "/api/show", read_object)


def is_among(name: str, names: list[str]) -> bool:
    """Whether a model is listed under just this tag, which is ``latest`` where none is given."""
    return full_name(name) in map(full_name, names)


def full_name(name: str) -> str:
    """A model's name with its tag. A colon before the last slash belongs to a host's port."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def checked_name(name: Any) -> str:
    """A model's name.

    :raises InvalidRequestError: it is none.
    """
    if not isinstance(name, str) or not name.strip():
        raise InvalidRequestError(
            f"model_name is {name!r}; give a model's name such as 'qwen2.5:3b'"
        )
    return name


def naming(name: str) -> bytes:
    """The body of a request about a model."""
    return encode_body({"model": name})


class PullDecoder:
    """Decodes the progress of one download; a `Decoder` of `LLM.reading`."""

    def __init__(self, status: int, source: Source) -> None:
        #: Whether Ollama has said ``success``.
        self.done = False
        self._lines = LineDecoder()
        self._status = status
        self._source = source

    def feed(self, data: bytes) -> Iterator[PullProgress]:
        """Take the next bytes. :return: what the lines that they complete tell.

        :raises LLMAPIError: the download failed, or a line cannot be read.
        """
        for line in self._lines.feed(data):
            if line.strip() and not self.done:
                yield self._progress(line)

    def finish(self) -> Iterator[PullProgress]:
        """The bytes have ended without ``success``.

        :raises LLMResponseError: the download was broken off.
        """
        if rest := self._lines.close().strip():
            yield self._progress(rest)
        if not self.done:
            raise self._source.error(
                "broke the download off before its end; pull_model goes on from there",
                status_code=self._status,
                code="truncated_stream",
            )

    def _progress(self, line: bytes) -> PullProgress:
        told = read_object(line, self._status, self._source)
        status, digest = told.get("status"), told.get("digest")
        if not isinstance(status, str):
            raise _not_ollama(self._status, self._source)
        self.done = status == "success"
        return PullProgress(
            status=status,
            digest=digest if isinstance(digest, str) else None,
            completed=_bytes(told.get("completed")),
            total=_bytes(told.get("total")),
        )


def _bytes(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _is_named(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("model") or entry.get("name"), str)


def _not_ollama(status: int, source: Source) -> LLMResponseError:
    return source.error(
        f"answered {status}, but not as an Ollama server does; check base_url", status_code=status
    )

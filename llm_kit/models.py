"""Sources that see to the model which their requests name; see `LLM.batch.source.Source`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from LLM.batch.exceptions import BatchInputError
from LLM.batch.source import RawRequest, Source


class _Wrapped(ABC):
    """A source that changes what another one reads."""

    def __init__(self, source: Source) -> None:
        self.name, self.unit = source.name, source.unit
        #: File of the requests, where they are in one.
        self.path: Path | None = getattr(source, "path", None)
        self._source = source

    def read(self) -> Iterator[tuple[int, RawRequest]]:
        """Each request with its number."""
        for number, raw in self._source.read():
            fields = _decoded(raw)
            body = None if fields is None else fields.get("body")
            if fields is None or not isinstance(body, Mapping):
                yield number, raw  # it is told as what it is where requests are checked
            else:
                yield number, {**fields, "body": self._seen(number, body)}

    @abstractmethod
    def _seen(self, number: int, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body that is asked in place of the one that was read."""


class OneModel(_Wrapped):
    """Requests that all ask one model, whatever they name.

    :param model: None for the one that is asked where none is named.
    """

    def __init__(self, source: Source, model: str | None) -> None:
        super().__init__(source)
        self._model = model

    def _seen(self, number: int, body: Mapping[str, Any]) -> Mapping[str, Any]:
        renamed = {name: value for name, value in body.items() if name != "model"}
        return renamed if self._model is None else {**renamed, "model": self._model}


class NamedModels(_Wrapped):
    """Requests that must name a model, for nobody else does."""

    def _seen(self, number: int, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if body.get("model") is None:
            raise BatchInputError(
                f"{self.name}, {self.unit} {number}: names no model; name one in its body, or "
                "with --model for all that name none"
            )
        return body


def _decoded(raw: RawRequest) -> Mapping[str, Any] | None:
    if isinstance(raw, Mapping):
        return raw
    try:
        fields = from_json(raw, allow_inf_nan=False)
    except ValueError:
        return None
    return fields if isinstance(fields, Mapping) else None

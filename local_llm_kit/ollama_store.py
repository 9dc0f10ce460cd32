"""Models in Ollama's own store, read where they lie: no copy and no running Ollama is needed.

``manifests/registry.ollama.ai/library/NAME/TAG`` lists layers, each a file
``blobs/sha256-HEX``. The weights are a GGUF file, whose own chat template counts: Ollama's
template layer is written in another language.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from LLM.exceptions import InvalidRequestError, LLMConfigError, ModelNotFoundError
from local_llm_kit import strict_json

MODELS_VARIABLE = "OLLAMA_MODELS"

_REGISTRY = "registry.ollama.ai"
_MAX_MANIFEST_BYTES = 1 << 20
_LAYER = "application/vnd.ollama.image."
_WORD = r"[A-Za-z0-9_][\w.-]{0,127}"
_NAME = re.compile(rf"(?:(?:({_WORD})/)?({_WORD})/)?({_WORD})(?::({_WORD}))?")


@dataclass(frozen=True, slots=True)
class Layer:
    """One file of a model.

    :param kind: ``model``, ``template``, ``system``, ``params``, ``adapter``, ``projector``...
    :param sha256: what its bytes hash to, in hexadecimal digits.
    """

    kind: str
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model of the store.

    :param name: as Ollama lists it, with its tag.
    :param layers: in the manifest's order.
    """

    name: str
    layers: tuple[Layer, ...]

    @property
    def weights(self) -> Layer:
        """The GGUF file.

        :raises InvalidRequestError: there is none that works alone; says what to do.
        """
        if self.of("adapter"):
            raise InvalidRequestError(
                f"{self.name!r} is a model with an adapter, which Ollama merges as it runs; use it "
                "with backend='ollama'",
                code="invalid_ollama_model",
            )
        if len(found := self.of("model")) != 1:
            raise InvalidRequestError(
                f"{self.name!r} has {len(found)} files of weights in Ollama's store, not one; use "
                f"it with backend='ollama', or pull it again: ollama pull {self.name}",
                code="invalid_ollama_model",
            )
        return found[0]

    def of(self, kind: str) -> list[Layer]:
        """The layers of one kind."""
        return [layer for layer in self.layers if layer.kind == kind]


def folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the store is: ``OLLAMA_MODELS``, else ``~/.ollama/models``."""
    return Path(os.path.expanduser(environ.get(MODELS_VARIABLE) or "~/.ollama/models"))


def present(store: Path) -> list[str]:
    """Names of all models in the store, as Ollama lists them.

    :raises LLMConfigError: it cannot be read.
    """
    with _reading(store):
        return sorted(_names(store / "manifests"))


def find(name: str, store: Path) -> StoredModel | None:
    """A model of the store; None when it has no such name or tag.

    :param name: ``llama3.2``, ``llama3.2:1b``, ``owner/name:tag``, ``hf.co/owner/name:tag``.
    :raises InvalidRequestError: its manifest or a file of it is damaged.
    :raises LLMConfigError: the store cannot be read.
    """
    match = _NAME.fullmatch(name)
    if not match:
        return None
    place = Path(match[1] or _REGISTRY, match[2] or "library", match[3], match[4] or "latest")
    path = store / "manifests" / place
    with _reading(store):
        if not path.is_file():
            return None
        shown = _shown(place)
        return StoredModel(shown, tuple(_layers(shown, path, store)))


def require(name: str, store: Path) -> StoredModel:
    """A model of the store, which has to be there.

    :raises ModelNotFoundError: it is not; says what is.
    """
    if found := find(name, store):
        return found
    names = present(store)
    there = f"it has {', '.join(map(repr, names[:8]))}" if names else "it has no models"
    raise ModelNotFoundError(
        f"no model {name!r} in Ollama's store {str(store)!r}; {there}; to get it: ollama pull "
        f"{name}",
        status_code=404,
        model=name,
        code="model_not_found",
    )


@contextmanager
def _reading(store: Path) -> Iterator[None]:
    """:raises LLMConfigError: the system does not let the block read what it asks for."""
    try:
        yield
    except OSError as err:
        raise LLMConfigError(
            f"cannot read Ollama's store {str(store)!r}: {err.strerror or err}; let your user read "
            f"it, or set {MODELS_VARIABLE} to another folder"
        ) from err


def _names(manifests: Path) -> Iterator[str]:
    for path in manifests.glob("*/*/*/*"):
        if path.is_file() and not path.name.startswith("."):
            yield _shown(path.relative_to(manifests))


def _shown(place: Path) -> str:
    host, owner, name, tag = place.parts
    prefix = "" if host == _REGISTRY else f"{host}/"
    return (
        prefix + ("" if (host, owner) == (_REGISTRY, "library") else f"{owner}/") + f"{name}:{tag}"
    )


def _layers(name: str, path: Path, store: Path) -> Iterator[Layer]:
    try:
        layers = strict_json.read(path, _MAX_MANIFEST_BYTES).get("layers")
    except (OSError, ValueError) as err:
        raise _damaged(name, f"its manifest cannot be read ({err})") from err
    if not isinstance(layers, list) or not layers:
        raise _damaged(name, "its manifest has no layers")
    for entry in layers:
        yield _layer(name, entry, store)


def _layer(name: str, entry: Any, store: Path) -> Layer:
    entry = entry if isinstance(entry, dict) else {}
    digest, kind, size = entry.get("digest"), entry.get("mediaType"), entry.get("size")
    match = re.fullmatch(r"sha256:([0-9a-f]{64})", digest) if isinstance(digest, str) else None
    if not match or not isinstance(kind, str) or type(size) is not int:
        raise _damaged(name, "a layer of its manifest is not told by mediaType, digest and size")
    path = store / "blobs" / f"sha256-{match[1]}"
    found = path.stat().st_size if path.is_file() else None
    if found != size:
        there = "is missing" if found is None else f"has {found:,} bytes, not {size:,}"
        raise _damaged(name, f"its file {path.name!r} {there}")
    return Layer(kind.removeprefix(_LAYER), path, match[1], size)


def _damaged(name: str, what: str) -> InvalidRequestError:
    return InvalidRequestError(
        f"the model {name!r} in Ollama's store is damaged: {what}; pull it again: ollama pull "
        f"{name}",
        code="invalid_ollama_model",
    )

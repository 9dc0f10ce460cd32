"""What Ollama's API tells of a model: out of what its files or its back end tell.

Source: https://docs.ollama.com/api, ``/api/show`` and ``/api/tags``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from local_llm_kit import settings
from local_llm_kit.backends import JSONObject
from local_llm_kit.engines.protocol import ModelInfo
from local_llm_kit.hub_files import Kind
from local_llm_kit.local_files import ModelFile, at_path
from local_llm_kit.model_facts import ModelFacts, describe, format_parameters
from local_llm_kit.model_files import Sources, find_model
from local_llm_kit.server.service import Service
from local_llm_kit.server.timestamps import utc_text


@dataclass(frozen=True, slots=True)
class Description:
    """A model as it can be described.

    :param name: by which requests name it.
    :param info: of the loaded model; None where it is not loaded.
    :param facts: of its files; None where they are not on this disk.
    :param files: name, bytes and time of change in nanoseconds of each file.
    """

    name: str
    info: ModelInfo | None = None
    facts: ModelFacts | None = None
    files: tuple[tuple[str, int, int], ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of its files; 0 where they are not here."""
        return sum(size for _, size, _ in self.files)

    @property
    def capabilities(self) -> list[str]:
        """What it can do."""
        told = self.info or self.facts
        return list(told.capabilities) if told else ["completion"]

    @property
    def modified_at(self) -> str:
        """When its newest file was written."""
        return utc_text(max((changed for _, _, changed in self.files), default=0) / 1e9)

    @property
    def digest(self) -> str:
        """64 hexadecimal digits that change with its files: their names, sizes and times.

        Not what the weights hash to: to read them all would take minutes.
        """
        told = repr((self.name, self.files))
        return hashlib.sha256(told.encode()).hexdigest()

    def details(self) -> JSONObject:
        """The object ``details``; texts are empty where nothing is known."""
        facts, info = self.facts, self.info
        family = facts.architecture if facts else ""
        n_params = facts.n_params if facts else info.n_params if info else 0
        return {
            "parent_model": "",
            "format": facts.kind if facts else "",
            "family": family,
            "families": [family] if family else [],
            "parameter_size": format_parameters(n_params, 1),
            "quantization_level": (facts.quantization if facts else None) or "",
        }

    def card(self) -> JSONObject:
        """The model in ``/api/tags``."""
        return {
            "name": self.name,
            "model": self.name,
            "modified_at": self.modified_at,
            "size": self.size_bytes,
            "digest": self.digest,
            "details": self.details(),
            "capabilities": self.capabilities,
        }

    def shown(self) -> JSONObject:
        """The model in ``/api/show``."""
        facts, info = self.facts, self.info
        # As Ollama writes them: the name, spaces up to here, the value.
        parameters = f"{'num_ctx':30} {info.context_length}" if info else ""
        window = [f"PARAMETER num_ctx {info.context_length}"] if info else []
        template = (info.chat_template if info else None) or (facts and facts.chat_template) or ""
        return {
            "license": (facts.license if facts else None) or "",
            "modelfile": "\n".join([f"FROM {self.name}", *window]),
            "parameters": parameters,
            "template": template,
            "details": self.details(),
            "model_info": self._model_info(),
            "capabilities": self.capabilities,
            "modified_at": self.modified_at,
        }

    def _model_info(self) -> JSONObject:
        """Facts by the names that GGUF files have for them."""
        facts, info = self.facts, self.info
        if facts is not None:
            family = facts.architecture
            told: JSONObject = {
                "general.architecture": family,
                "general.parameter_count": facts.n_params,
                f"{family}.context_length": facts.n_ctx_train,
                f"{family}.embedding_length": facts.n_embd,
                f"{family}.block_count": facts.n_layers,
                f"{family}.vocab_size": facts.n_vocab,
            }
            return told | ({"general.name": facts.title} if facts.title else {})
        if info is None:
            return {}
        # Of a model behind another server the family is not known; clients look the rest up by it.
        return {
            "general.architecture": "model",
            "general.parameter_count": info.n_params,
            "model.context_length": info.n_ctx_train,
            "model.embedding_length": info.n_embd,
            "model.vocab_size": info.n_vocab,
        }


def describe_model(service: Service, name: str) -> Description:
    """Describe a model that requests may name; reads headers of files, and loads nothing.

    :raises ModelNotFoundError: there is no such model.
    :raises InvalidRequestError: its files are damaged.
    :raises OSError: they cannot be read.
    """
    key = service.models.require(name)
    info = service.info(name)
    facts = _facts(service, key, info)
    paths = [path for path, _ in facts.files] if facts else []
    stats = [(path.name, path.stat()) for path in paths]
    files = tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in stats)
    return Description(name, info, facts, files)


def _facts(service: Service, key: str, info: ModelInfo | None) -> ModelFacts | None:
    if service.catalog.info.backend == "ollama":
        return None
    if info is not None:
        kind: Kind = "gguf" if info.backend == "llama.cpp" else "safetensors"
        found = at_path(Path(info.path), info.name, (kind,))
    else:
        found = find_model(
            key, default_path=settings.default_model_path(), sources=Sources(offline=True)
        )
    return _described(found, found.path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _described(found: ModelFile, changed: int) -> ModelFacts:
    """Facts about a model; a header with its vocabulary takes a tenth of a second to read.

    :param changed: when it was written; one that was replaced is read again.
    """
    del changed
    return describe(found)

"""From the bytes of a registry's file to a catalog. The bytes are not trusted."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from llmring.exceptions import RegistryError
from llmring.pydantic_errors import first_problem
from llmring.registry.catalog import Catalog
from llmring.registry.schemas import RegistryModel

#: Largest file that is read, in bytes.
MAX_REGISTRY_BYTES = 4 * 1024 * 1024
#: Most models of a provider that are read: some 0.1 s of CPU.
MAX_MODELS = 4_000
_MAX_VERSION = 10**9

_logger = logging.getLogger("llmring.registry")


def read_catalog(data: bytes, provider: str, source: str) -> Catalog:
    """The catalog that a file holds.

    An entry that cannot be read is left out, and the log says so.

    :param data: JSON: ``provider``, ``version``, ``updated_at``, ``models`` by ``provider:model``.
    :param provider: the provider that was asked for.
    :param source: where the file is from, for messages.
    :raises RegistryError: it is too large, is no such JSON, is another provider's, or none of its
        entries can be read.
    """
    if len(data) > MAX_REGISTRY_BYTES:
        raise RegistryError(
            f"the registry's file {source} has more than {MAX_REGISTRY_BYTES:,} bytes; is it one?"
        )
    try:
        file = from_json(data, allow_inf_nan=False)
    except ValueError as err:
        raise RegistryError(f"the registry's file {source} is no JSON: {err}") from err
    problem = _problem(file, provider)
    if problem:
        raise RegistryError(f"the registry's file {source} {problem}")
    version, updated_at = file.get("version"), file.get("updated_at")
    return Catalog(
        provider,
        _models(file["models"], provider, source),
        version=version if type(version) is int and 0 < version <= _MAX_VERSION else None,
        updated_at=updated_at if isinstance(updated_at, str) and len(updated_at) <= 64 else None,
    )


def _problem(file: Any, provider: str) -> str | None:
    """What keeps `file` from being a list of `provider`'s models."""
    models = file.get("models") if isinstance(file, dict) else None
    if not isinstance(models, dict):
        return "has no object 'models'"
    if len(models) > MAX_MODELS:
        return f"lists {len(models):,} models; up to {MAX_MODELS:,} are read"
    if file.get("provider", provider) != provider:
        return f"is that of provider {str(file['provider'])[:64]!r}, not of {provider!r}"
    return None


def _models(entries: dict[str, Any], provider: str, source: str) -> list[RegistryModel]:
    models, problems = [], []
    for key, entry in entries.items():
        prefix, _, name = key.partition(":")
        if prefix != provider or not isinstance(entry, dict):
            problems.append(f"{key[:64]!r} is no entry of {provider!r}")
            continue
        # The key is what the model is asked for by.
        fields = {**entry, "provider": provider, "model_name": name}
        # null is what some registries write for what they do not say.
        fields = {field: value for field, value in fields.items() if value is not None}
        try:
            models.append(RegistryModel.model_validate(fields))
        except ValidationError as err:
            problems.append(f"{key[:64]!r}: {first_problem(err)}")
    if problems:
        text = f"{len(problems)} of {len(entries)} entries cannot be read; first: {problems[0]}"
        if not models:
            raise RegistryError(f"the registry's file {source}: {text}")
        _logger.warning("registry %s: %s", source, text)
    return models

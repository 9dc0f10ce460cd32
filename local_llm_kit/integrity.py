"""Files held against the hashes that their sources tell.

The hub's cache and Ollama's store name large files by their SHA-256, so that a file's name, behind
its links, says what its bytes must be.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from LLM.exceptions import InvalidRequestError, LLMConfigError
from local_llm_kit import gguf

if TYPE_CHECKING:
    from local_llm_kit.model_files import ModelFile

SHA256_DIGITS, SHA1_DIGITS = 64, 40


def file_digest(path: Path, n_digits: int = SHA256_DIGITS) -> str:
    """A file's hash in hexadecimal digits.

    :param n_digits: 64 for SHA-256; 40 for SHA-1 as git takes it of a file's content.
    """
    with open(path, "rb") as file:
        if n_digits == SHA256_DIGITS:
            return hashlib.file_digest(file, "sha256").hexdigest()
        # Git's; no signature rests on it.
        sha1 = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        return hashlib.file_digest(file, lambda: sha1).hexdigest()


def named_digest(path: Path) -> str | None:
    """The SHA-256 that a file's name tells, behind links; None when it tells none."""
    match = re.fullmatch(r"(?:sha256-)?([0-9a-f]{64})", path.resolve().name)
    return match[1] if match else None


def verify(model: ModelFile) -> None:
    """Read a model's weights and hold them against their hashes; takes seconds for gigabytes.

    :raises LLMConfigError: nobody tells their hashes.
    :raises InvalidRequestError: a file is not what was downloaded.
    """
    for path in _weights(model):
        expected = named_digest(path)
        if expected is None:
            raise LLMConfigError(
                f"verify is True, but nobody tells the hash of {str(path)!r}; that is known of "
                "models from the hub and from Ollama's store"
            )
        if (found := file_digest(path)) != expected:
            raise InvalidRequestError(
                f"{str(path.resolve())!r} is altered: its SHA-256 is {found}; remove it and "
                "download the model again",
                code="checksum_mismatch",
            )


def _weights(model: ModelFile) -> list[Path]:
    if model.kind == "gguf":
        return gguf.part_paths(model.path)
    return sorted(model.path.glob("*.safetensors"))

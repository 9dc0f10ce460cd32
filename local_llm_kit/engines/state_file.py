"""Files that hold the cache of one text, so that a conversation goes on without being read again.

Layout: magic, length of a JSON header (8 bytes, little endian), header, payload. The header names
the engine and the model, has the text's tokens and the payload's SHA-256. llama.cpp restores
whatever it is given, a wrong model's state included, so everything is checked before.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from LLM.exceptions import InvalidRequestError, LLMConfigError
from LLM.replacement import owner_only, replacing

_MAGIC = b"llm-kit state 1\n"
_MAX_HEADER_BYTES = 256 << 20
_EDGE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class State:
    """The cache of one text.

    :param tokens: the text's token ids.
    :param payload: their cells, in the runner's own form.
    """

    tokens: list[int]
    payload: bytes


def fingerprint(path: str | os.PathLike[str]) -> str:
    """Tells models apart without reading gigabytes: size, first and last MiB of each file."""
    digest = hashlib.sha256()
    place = Path(path)
    files = [place] if place.is_file() else sorted(place.glob("*.safetensors"))
    for file in files:
        size = file.stat().st_size
        digest.update(f"{size}\n".encode())
        with file.open("rb") as source:
            digest.update(source.read(_EDGE_BYTES))
            source.seek(max(0, size - _EDGE_BYTES))
            digest.update(source.read(_EDGE_BYTES))
    return digest.hexdigest()


def write(path: str | os.PathLike[str], state: State, owner: str) -> None:
    """Write a state in one step: the file is the old one or the whole new one.

    It is readable to its owner alone, as the text is that it was made from.

    :param owner: engine, model and cache layout that can read it.
    :raises LLMConfigError: the file cannot be written.
    """
    header = json.dumps(
        {
            "owner": owner,
            "tokens": state.tokens,
            "size": len(state.payload),
            "sha256": hashlib.sha256(state.payload).hexdigest(),
        }
    ).encode()
    try:
        with replacing(Path(path)) as partial, open(partial, "xb", opener=owner_only) as file:
            file.write(_MAGIC + len(header).to_bytes(8, "little") + header)
            file.write(state.payload)
    except (OSError, ValueError) as err:  # a path with a NUL is a ValueError
        reason = err.strerror if isinstance(err, OSError) else err
        raise LLMConfigError(f"cannot write the state file {str(path)!r}: {reason}") from err


def read(path: str | os.PathLike[str], owner: str) -> State:
    """Read a state and check it.

    :raises InvalidRequestError: there is no such file, it is damaged, or it is another model's.
    """
    name = str(path)
    try:
        data = Path(path).read_bytes()
    except (OSError, ValueError) as err:  # a path with a NUL is a ValueError
        raise InvalidRequestError(f"cannot read the state file {name!r}: {err}") from err
    start = len(_MAGIC) + 8
    size = int.from_bytes(data[len(_MAGIC) : start], "little")
    if not data.startswith(_MAGIC) or not 0 < size <= min(_MAX_HEADER_BYTES, len(data) - start):
        raise InvalidRequestError(f"{name!r} is no state file of llm-kit")
    header = _parse(data[start : start + size], name)
    if header["owner"] != owner:
        raise InvalidRequestError(
            f"the state file {name!r} was saved by another model or with other cache settings; "
            "read the conversation again and save it anew"
        )
    payload = data[start + size :]
    if len(payload) != header["size"] or hashlib.sha256(payload).hexdigest() != header["sha256"]:
        raise InvalidRequestError(f"the state file {name!r} is damaged or cut short")
    return State(header["tokens"], payload)


def _parse(text: bytes, name: str) -> dict[str, Any]:
    try:
        header = json.loads(text)
        tokens = header["tokens"]
        sound = {"owner", "size", "sha256"} <= header.keys() and all(
            type(token) is int and token >= 0 for token in tokens
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        sound = False
    if not sound or not tokens:
        raise InvalidRequestError(f"the header of the state file {name!r} is damaged")
    checked: dict[str, Any] = header
    return checked

"""Where and for whom to serve."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from LLM.exceptions import LLMConfigError

API_KEY_VARIABLE = "LOCAL_LLM_KIT_API_KEY"
#: Seconds that running streams have to finish once the server is told to stop.
GRACE_S = 10.0
_MAX_KEY_CHARS = 1024
_MAX_KEYS_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and for whom to serve.

    :param host: address to listen on; any but a loopback address needs a key.
    :param port: 0 takes a free one.
    :param api_key: the key that requests must carry. Default, where there is no `api_key_file`
        either: ``LOCAL_LLM_KIT_API_KEY``, else none, which only a loopback address allows.
    :param api_key_file: file with a key a line, each as good as the other; empty lines and lines
        that begin with ``#`` are skipped.
    :param models: further models that requests may name, loaded at first need.
    :param aliases: further names of the model.
    :param strict_model: answer only to the names of the models given here. Otherwise the models
        present on this machine can be named too, and every other name is answered by the one
        model; the answer's `model` says which it is.
    :param grace_s: seconds that running streams have to finish at the end.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = None
    api_key_file: str | os.PathLike[str] | None = None
    models: Sequence[str] = ()
    aliases: Sequence[str] = ()
    strict_model: bool = False
    grace_s: float = GRACE_S


def api_keys(options: ServerOptions, environ: Mapping[str, str] = os.environ) -> tuple[str, ...]:
    """The keys of a server; none asks for none.

    :raises LLMConfigError: a key cannot be sent, or the file cannot be read. No key is shown.
    """
    given = [] if options.api_key is None else [options.api_key]
    if options.api_key_file is not None:
        given += _keys_in(Path(options.api_key_file))
    if not given and environ.get(API_KEY_VARIABLE):
        given = [environ[API_KEY_VARIABLE]]
    for key in given:
        _check_key(key)
    return tuple(dict.fromkeys(given))


def _keys_in(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_KEYS_BYTES + 1)
        text = data.decode()
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not UTF-8 text"
        message = f"the file of API keys {str(path)!r} cannot be read: {reason}"
        raise LLMConfigError(message) from None
    if len(data) > _MAX_KEYS_BYTES:
        raise LLMConfigError(
            f"the file of API keys {str(path)!r} is larger than {_MAX_KEYS_BYTES:,} bytes"
        )
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys:
        raise LLMConfigError(f"the file of API keys {str(path)!r} has no key; write one a line")
    return keys


def _check_key(key: str) -> None:
    """Refuse a key that cannot be sent; it is never shown."""
    if not key:
        raise LLMConfigError("the API key is empty; give one of at least a character, or none")
    if not (key.isascii() and key.isprintable() and " " not in key and len(key) <= _MAX_KEY_CHARS):
        raise LLMConfigError(
            "the API key must be printable ASCII without spaces, at most "
            f"{_MAX_KEY_CHARS:,} characters"
        )

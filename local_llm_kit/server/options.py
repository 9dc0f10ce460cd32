"""Where and for whom to serve."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from LLM.exceptions import LLMConfigError
from local_llm_kit.server.log_format import LogFormat, check_log_format
from local_llm_kit.settings import API_KEY_VARIABLE

#: Seconds that running streams have to finish once the server is told to stop.
GRACE_S = 10.0
_MAX_KEY_CHARS = 1024
_MAX_KEYS_BYTES = 1 << 20
_MAX_GRACE_S = 3600


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
    :param allowed_hosts: further names, without ports, under which requests may address the server:
        those of a reverse proxy before it. Beyond loopback every name passes unless some are given.
    :param cors_origins: origins whose pages may read the answers: ``scheme://host[:port]`` each,
        compared as a whole; or ``*`` for any, which only a key allows. None by default.
    :param log_requests: log a line for each request, without its prompt or key, at the level INFO
        of the logger ``local_llm_kit.access``.
    :param log_format: ``text``, or ``json`` for a line of JSON for each record of all logs, with
        keys masked, on standard error.
    :param grace_s: seconds that running streams have to finish at the end, 0 to 3,600.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    api_key: str | None = field(default=None, repr=False)
    api_key_file: str | os.PathLike[str] | None = None
    models: Sequence[str] = ()
    aliases: Sequence[str] = ()
    strict_model: bool = False
    allowed_hosts: Sequence[str] = ()
    cors_origins: Sequence[str] = ()
    log_requests: bool = False
    log_format: LogFormat = "text"
    grace_s: float = GRACE_S

    def __post_init__(self) -> None:
        for name in ("models", "aliases", "allowed_hosts", "cors_origins"):
            check_names(name, getattr(self, name))
        check_log_format(self.log_format)
        check_grace_s(self.grace_s)


def check_names(option: str, names: Any) -> None:
    """:raises LLMConfigError: they are no list of names."""
    # A single text would be taken letter by letter.
    if isinstance(names, str) or not all(isinstance(one, str) and one for one in names):
        raise LLMConfigError(f"{option} is {names!r}; give a list of names, none of them empty")


def check_grace_s(grace_s: float) -> None:
    """:raises LLMConfigError: a server cannot wait so long for its end."""
    if isinstance(grace_s, bool) or not 0 <= grace_s <= _MAX_GRACE_S:
        raise LLMConfigError(f"grace_s is {grace_s!r}; give 0 to {_MAX_GRACE_S:,} seconds")


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

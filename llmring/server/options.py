"""Where and for whom the server runs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from LLM.exceptions import LLMConfigError
from llmring.conversations.addresses import VARIABLE, data_folder
from llmring.exceptions import ConfigurationError
from local_llm_kit.server.log_format import LogFormat, check_log_format
from local_llm_kit.server.options import GRACE_S, check_grace_s, check_names

#: The key that makes tenants' keys, and the path of a file that has it.
ADMIN_KEY_VARIABLE = "LLMRING_ADMIN_KEY"
ADMIN_KEY_FILE_VARIABLE = "LLMRING_ADMIN_KEY_FILE"
_MIN_KEY_CHARS, _MAX_KEY_CHARS = 16, 1024


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """Where and for whom the server runs.

    :param host: address to listen on. Any but a loopback address needs an admin's key, or keys that
        were made before.
    :param port: 0 takes a free one.
    :param database: as for `open_database`; None for ``LLMRING_DATABASE_URL``, else the file
        ``server.sqlite`` in the user's data folder.
    :param admin_key: makes tenants' keys; 16 visible ASCII characters or more. Default, where there
        is no `admin_key_file` either: ``LLMRING_ADMIN_KEY``, then the file that
        ``LLMRING_ADMIN_KEY_FILE`` names, else none.
    :param admin_key_file: a file that has it.
    :param allowed_hosts: further names, without ports, under which requests may address the server:
        those of a reverse proxy before it. Beyond loopback every name passes unless some are given.
    :param log_requests: log a line for each request at the level INFO of the logger
        ``llmring.access``, without keys and without what follows a question mark.
    :param log_format: ``text``, or ``json`` for a line of JSON for each record of all logs, with
        keys masked, on standard error.
    :param has_metrics: answer ``/metrics``, for those who have a key.
    :param grace_s: seconds that requests have to finish at the end, 0 to 3,600.
    """

    host: str = "127.0.0.1"
    port: int = 9100
    database: str | os.PathLike[str] | None = None
    admin_key: str | None = field(default=None, repr=False)
    admin_key_file: str | os.PathLike[str] | None = None
    allowed_hosts: Sequence[str] = ()
    log_requests: bool = False
    log_format: LogFormat = "text"
    has_metrics: bool = False
    grace_s: float = GRACE_S

    def __post_init__(self) -> None:
        with own_errors():
            check_names("allowed_hosts", self.allowed_hosts)
            check_log_format(self.log_format)
            check_grace_s(self.grace_s)


@contextmanager
def own_errors() -> Iterator[None]:
    """Settings that the servers' common parts refuse are refused by llmring's own class.

    :raises ConfigurationError: one was.
    """
    try:
        yield
    except LLMConfigError as err:
        raise ConfigurationError(err.message, original=err, code=err.code) from err


def database_of(
    options: ServerOptions, environ: Mapping[str, str] = os.environ
) -> str | os.PathLike[str]:
    """Where the server keeps what it is given."""
    if options.database is not None:
        return options.database
    return environ.get(VARIABLE, "").strip() or data_folder() / "server.sqlite"


def admin_key_of(options: ServerOptions, environ: Mapping[str, str] = os.environ) -> str | None:
    """The admin's key; None for none.

    :raises ConfigurationError: it cannot be one, or its file cannot be read.
    """
    if options.admin_key is not None:
        return _checked(options.admin_key, "admin_key")
    if options.admin_key_file is not None:
        return _read(options.admin_key_file)
    if key := environ.get(ADMIN_KEY_VARIABLE, "").strip():
        return _checked(key, ADMIN_KEY_VARIABLE)
    file = environ.get(ADMIN_KEY_FILE_VARIABLE, "").strip()
    return _read(file) if file else None


def _read(file: str | os.PathLike[str]) -> str:
    try:
        with Path(file).open("rb") as opened:
            key = opened.read(_MAX_KEY_CHARS + 2).decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as err:
        problem = getattr(err, "strerror", None) or "it is no text"
        name = os.fspath(file)
        raise ConfigurationError(f"the admin's key in {name!r} cannot be read: {problem}") from None
    return _checked(key, f"the file {os.fspath(file)!r}")


def _checked(key: str, where: str) -> str:
    length_ok = _MIN_KEY_CHARS <= len(key) <= _MAX_KEY_CHARS
    if not length_ok or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(
            f"the admin's key ({where}) must have {_MIN_KEY_CHARS} to {_MAX_KEY_CHARS:,} visible "
            "ASCII characters; make one with: openssl rand -hex 32"
        )
    return key

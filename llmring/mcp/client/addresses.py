"""Where MCP servers are: addresses, command lines, scripts, and the configuration of other clients.

A command line comes from the user alone: typed, in code, or in a file that the user names. Nothing
that a model, a server or a lockfile says becomes one, and no shell reads it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from LLM.environment import is_loopback
from LLM.secrets import Secret, scrub_text
from llmring.exceptions import ConfigurationError

#: Most bytes of a configuration file.
MAX_FILE_BYTES = 2**20
#: What an address may be, for errors.
FORMS = "give https://HOST/PATH, stdio://COMMAND ARGS, or the path of a script"

_INTERPRETERS = {".py": sys.executable, ".js": "node", ".mjs": "node", ".cjs": "node"}
_HTTP_KINDS = (None, "http", "streamable-http", "streamableHttp")
_LABEL_CHARS = 200
# Names of options, fields and variables whose values nobody else may see.
_SECRET_NAME = re.compile(r"key|token|secret|passw|credential|auth|signature", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:([^/\s@]+)@")
_HEADER_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where a server is; `url` or `command` is set. What may be a secret does not print.

    :param name: for people.
    :param url: of a server that speaks streamable HTTP.
    :param command: of a server that is started, and speaks over its standard input and output.
    :param headers: sent with each request to `url`.
    :param env: variables for the command, beside the few that every program needs.
    :param cwd: the command's folder; None for ours.
    """

    name: str
    url: str = ""
    command: tuple[str, ...] = field(default=(), repr=False)
    headers: Mapping[str, Secret] = field(default_factory=dict)
    env: Mapping[str, Secret] = field(default_factory=dict)
    cwd: str | None = None

    @property
    def label(self) -> str:
        """The address on one line, for people; without secrets."""
        text = self.url or scrub_text(shlex.join(self.command), self.secrets)
        text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
        return text if len(text) <= _LABEL_CHARS else text[: _LABEL_CHARS - 1] + "…"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown: values of headers and variables, keys among the arguments."""
        values = ["".join(value) for value in (*self.headers.values(), *self.env.values())]
        # "Bearer KEY": what a server repeats is the key alone.
        words = [value.split()[-1] for value in values if value.strip()]
        return tuple(sorted({*values, *words, *_secret_arguments(self.command)}, key=len)[::-1])

    @property
    def identity(self) -> str:
        """A digest of the address, by which approved tools are kept; headers are no part of it."""
        argv = [os.path.abspath(a) if os.path.exists(a) else a for a in self.command[1:]]
        parts = [self.url, *self.command[:1], *argv]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def address(where: str | os.PathLike[str] | Sequence[str] | ServerAddress) -> ServerAddress:
    """The address of a server.

    :param where: ``http(s)://…`` for streamable HTTP; ``stdio://COMMAND ARGS``, split into words
        as a shell would, though none runs; the path of a script (``.py`` runs with this Python,
        ``.js`` with node, what is executable by itself) or of a configuration file (``.json``)
        that names one server; or a command's words.
    :raises ConfigurationError: it is none of these, or cannot be used.
    """
    if isinstance(where, ServerAddress):
        return where
    if not isinstance(where, (str, os.PathLike)):
        return _of_command([str(word) for word in where])
    text = os.fspath(where).strip()
    if "\0" in text or not text:
        raise ConfigurationError(f"an MCP server cannot be at {text[:80]!r}; {FORMS}")
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        return _of_url(text)
    if separator and scheme.lower() == "stdio":
        try:
            return _of_command(shlex.split(rest))
        except ValueError as err:
            raise ConfigurationError(f"stdio://… cannot be split into words: {err}") from None
    if separator:
        raise ConfigurationError(f"an MCP server cannot be at {scheme[:40]}://…; {FORMS}")
    return _of_path(Path(text).expanduser())


def configured_servers(
    config: str | os.PathLike[str] | Mapping[str, Any],
) -> dict[str, ServerAddress]:
    """The servers of a configuration in the form that other clients have.

    ``{"mcpServers": {NAME: {"command": …, "args": […], "env": {…}, "cwd": …}, NAME: {"url": …,
    "headers": {…}}}}``; a server with ``"disabled": true`` is left out, and what else other
    clients keep there is passed over.

    :param config: the path of a JSON file, or what it would hold.
    :raises ConfigurationError: it cannot be read, or a server in it cannot be used.
    """
    where, loaded = ("the configuration", config) if isinstance(config, Mapping) else _load(config)
    servers = loaded.get("mcpServers") if isinstance(loaded, Mapping) else None
    if not isinstance(servers, Mapping):
        raise ConfigurationError(f'{where} has no object "mcpServers" of servers by their names')
    return {
        str(name): _of_entry(str(name), entry, f'"mcpServers".{name!r} in {where}')
        for name, entry in servers.items()
        if not (isinstance(entry, Mapping) and entry.get("disabled") is True)
    }


def _of_entry(name: str, entry: Any, where: str) -> ServerAddress:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{where} is no object")
    url, command = entry.get("url"), entry.get("command")
    if (url is None) == (command is None):
        raise ConfigurationError(f'{where} needs either "url" or "command"')
    if url is not None:
        if entry.get("type") not in _HTTP_KINDS:
            raise ConfigurationError(
                f'{where}: "type" is {entry["type"]!r}; only streamable HTTP is spoken ("http")'
            )
        if not isinstance(url, str):
            raise ConfigurationError(f'{where}: "url" is no string')
        return _of_url(url, _texts(entry, "headers", where), name=name)
    args, cwd = entry.get("args", []), entry.get("cwd")
    if not isinstance(command, str) or not isinstance(args, list):
        raise ConfigurationError(f'{where}: "command" must be a string and "args" a list of them')
    if not all(isinstance(word, str) for word in args) or not isinstance(cwd, str | None):
        raise ConfigurationError(f'{where}: "args" and "cwd" must be strings')
    env = _texts(entry, "env", where)
    return _of_command([command, *args], env, name=name, cwd=cwd)


def _texts(entry: Mapping[str, Any], field_name: str, where: str) -> dict[str, Secret]:
    """An object of strings; its values may be keys."""
    texts = entry.get(field_name) or {}
    if not isinstance(texts, Mapping) or not all(isinstance(v, str) for v in texts.values()):
        raise ConfigurationError(f'{where}: "{field_name}" must be an object of strings')
    return {str(name): Secret(value) for name, value in texts.items()}


def _of_url(
    url: str, headers: Mapping[str, Secret] | None = None, *, name: str | None = None
) -> ServerAddress:
    try:
        parts = urlsplit(url)
        host, has_port = parts.hostname or "", parts.port is None or parts.port > 0
    except ValueError:
        host, has_port = "", False
    shown = f"{parts.scheme}://{host}" if host else "the address"
    if not host or not has_port or not url.isprintable() or " " in url:
        raise ConfigurationError(f"{shown} is no address of an MCP server; {FORMS}")
    if parts.scheme not in ("http", "https"):
        raise ConfigurationError(f"{shown}: an MCP server is reached by http or https")
    if parts.username is not None or any(_SECRET_NAME.search(k) for k, _ in _fields(parts.query)):
        # Addresses are logged, by us and by every machine on the way.
        raise ConfigurationError(
            f'{shown}: the address holds a key; give it in "headers" of a configuration file'
        )
    for header, value in (headers or {}).items():
        text = "".join(value)
        if not _HEADER_NAME.fullmatch(header) or not text.isascii() or not text.isprintable():
            raise ConfigurationError(f"{shown}: header {header!r} cannot be sent")
    if headers and parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(f"{shown}: headers may hold keys, and go by https alone")
    return ServerAddress(
        name or host, url=urlunsplit(parts._replace(fragment="")), headers=dict(headers or {})
    )


def _fields(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _of_command(
    words: list[str],
    env: Mapping[str, Secret] | None = None,
    *,
    name: str | None = None,
    cwd: str | None = None,
) -> ServerAddress:
    if not words or not words[0].strip():
        raise ConfigurationError(f"the command of an MCP server is empty; {FORMS}")
    values = ["".join(value) for value in (env or {}).values()]
    if any("\0" in word for word in (*words, *values, *(env or {}))) or "=" in "".join(env or {}):
        raise ConfigurationError("the command of an MCP server, or a variable, cannot be passed on")
    return ServerAddress(
        name or Path(words[0]).stem, command=tuple(words), env=dict(env or {}), cwd=cwd
    )


def _of_path(path: Path) -> ServerAddress:
    if path.suffix == ".json":
        servers = configured_servers(path)
        if len(servers) != 1:
            raise ConfigurationError(f"{path} names {len(servers)} servers; exactly one is needed")
        return next(iter(servers.values()))
    path = path.absolute()
    if not path.is_file():
        words = path.name.split()
        hint = " (a command? write stdio://…)" if words and shutil.which(words[0]) else ""
        raise ConfigurationError(f"no file {str(path)!r}{hint}; {FORMS}")
    if interpreter := _INTERPRETERS.get(path.suffix.lower()):
        return _of_command([interpreter, str(path)], name=path.stem)
    if not os.access(path, os.X_OK):
        raise ConfigurationError(
            f"{str(path)!r} is neither executable nor a script (.py, .js); make it executable, or "
            "write stdio://COMMAND ARGS"
        )
    return _of_command([str(path)], name=path.stem)


def _load(path: str | os.PathLike[str]) -> tuple[str, Any]:
    where = os.fspath(path)
    try:
        with open(Path(where).expanduser(), "rb", opener=_open_at_once) as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as err:
        raise ConfigurationError(f"{where} cannot be read: {err.strerror or err}") from err
    if len(data) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{where} is larger than {MAX_FILE_BYTES} bytes")
    try:
        return where, json.loads(data)
    except (ValueError, RecursionError) as err:
        problem = f"{where} is no JSON ({type(err).__name__})"
    # The error would show the text, which may hold keys.
    raise ConfigurationError(problem)


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; what is a FIFO would otherwise hold us until someone writes to it."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _secret_arguments(command: Sequence[str]) -> Iterator[str]:
    """Keys among a command's words: the values of options named so, passwords in addresses."""
    is_next = False
    for word in command[1:]:
        option, assigned, value = word.partition("=")
        is_option = word.startswith("-")
        if is_next and not is_option:
            yield word
        if assigned and value and _SECRET_NAME.search(option):
            yield value
        is_next = is_option and not assigned and _SECRET_NAME.search(option) is not None
        yield from _PASSWORD_IN_URL.findall(word)

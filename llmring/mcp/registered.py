"""The MCP servers that the user has registered, by their names, in one file of the user's own.

The file has the form that other clients have, ``{"mcpServers": {NAME: {…}}}``, and may be edited by
hand. Commands in it are run and its headers are sent, so it is the user's alone, and nothing but
the user's word changes it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from llmring.exceptions import ConfigurationError, LockfileError
from llmring.lockfile.names import listed, shown, suggestion
from llmring.lockfile.writing import only_writer
from llmring.mcp.client.addresses import (
    MAX_FILE_BYTES,
    ServerAddress,
    address,
    configured_servers,
)
from llmring.private_files import replace_text

FILE_NAME = "mcp.json"
_MAX_NAME_CHARS = 64
_KEY = "mcpServers"

#: A server as the file has it: ``command``, ``args``, ``env``, ``cwd``, or ``url``, ``headers``.
Entry = Mapping[str, Any]


class ServerChange(NamedTuple):
    """What becomes of a server.

    :param kind: ``same`` leaves it as it is.
    """

    name: str
    kind: Literal["added", "changed", "same"]


class RegisteredServers:
    """The file of registered servers. Processes may share it.

    :param path: None for the user's own, in their configuration folder.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = None if path is None else Path(path)

    @property
    def path(self) -> Path:
        """Where the file is; it need not exist."""
        if self._path is None:
            from llmring.conversations.addresses import config_folder

            return config_folder() / FILE_NAME
        return self._path

    def entries(self) -> dict[str, dict[str, Any]]:
        """The servers as the file has them. What may be a secret is among it.

        :raises ConfigurationError: the file cannot be read.
        """
        return _servers(self._read(), self.path)

    def addresses(self) -> dict[str, ServerAddress]:
        """The servers that are not disabled.

        :raises ConfigurationError: the file cannot be read, or a server in it cannot be used.
        """
        return usable(self.entries())

    def address(self, name: str) -> ServerAddress:
        """A server.

        :raises ConfigurationError: there is none of that name, it is disabled, or as `addresses`.
        """
        entries = self.entries()
        if name not in entries:
            known = listed(list(entries)) or "none"
            raise ConfigurationError(
                f"no MCP server {shown(name)} is registered; there are: {known}"
                f"{suggestion(name, entries)}"
            )
        found = usable({name: entries[name]})
        if name not in found:
            raise ConfigurationError(f"the MCP server {name!r} is disabled in {self.path}")
        return found[name]

    def find(self, where: str) -> ServerAddress:
        """The server of a name or at an address: a registered name comes first.

        :raises ConfigurationError: `where` is neither, or as `address`.
        """
        if where not in self.entries() and any(sign in where for sign in ("://", "/", ".")):
            return address(where)
        return self.address(where)

    def register(self, name: str, entry: Entry, *, replace: bool = False) -> None:
        """Add a server.

        :param replace: in place of one of that name.
        :raises ConfigurationError: it cannot be used, or there is one of that name.
        """
        usable(_checked({name: entry}))
        with self._changing() as document:
            servers = _servers(document, self.path)
            if name in servers and not replace:
                raise ConfigurationError(
                    f"an MCP server {name!r} is registered already; remove it first, or replace it"
                )
            document[_KEY] = {**servers, name: dict(entry)}

    def remove(self, name: str) -> None:
        """Remove a server.

        :raises ConfigurationError: there is none of that name.
        """
        with self._changing() as document:
            servers = _servers(document, self.path)
            if name not in servers:
                raise ConfigurationError(
                    f"no MCP server {shown(name)} is registered{suggestion(name, servers)}"
                )
            document[_KEY] = {one: entry for one, entry in servers.items() if one != name}

    def plan(self, entries: Mapping[str, Entry]) -> list[ServerChange]:
        """What `apply` would do.

        :raises ConfigurationError: a server cannot be used.
        """
        usable(_checked(entries))
        there = self.entries()
        return [
            ServerChange(name, _kind(there.get(name), entry)) for name, entry in entries.items()
        ]

    def apply(self, entries: Mapping[str, Entry]) -> list[ServerChange]:
        """Add servers, or put them in the place of those of the same names. Others stay.

        :return: what has changed.
        :raises ConfigurationError: a server cannot be used.
        """
        usable(_checked(entries))
        with self._changing() as document:
            servers = _servers(document, self.path)
            done = [ServerChange(one, _kind(servers.get(one), new)) for one, new in entries.items()]
            document[_KEY] = {**servers, **{one: dict(new) for one, new in entries.items()}}
        return done

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """What the file holds, written at the end; others wait meanwhile."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with only_writer(self.path):
                document = self._read()
                before = json.dumps(document)
                yield document
                if json.dumps(document) != before:
                    replace_text(self.path, json.dumps(document, indent=2) + "\n")
        except (OSError, LockfileError) as err:
            reason = err.strerror if isinstance(err, OSError) else err
            raise ConfigurationError(f"{self.path} cannot be written: {reason}") from err

    def _read(self) -> dict[str, Any]:
        try:
            with open(self.path, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as err:
            raise ConfigurationError(f"{self.path} cannot be read: {err.strerror}") from err
        return _parsed(data, str(self.path))


def entries_of(data: bytes, where: str) -> dict[str, dict[str, Any]]:
    """The servers of a configuration file.

    :param where: the file, for errors; they show nothing of it, for it may hold keys.
    :raises ConfigurationError: it is none.
    """
    document = _parsed(data, where)
    if _KEY not in document:
        raise ConfigurationError(f'{where} has no object "{_KEY}" of servers by their names')
    return _servers(document, where)


def _servers(document: Mapping[str, Any], where: object) -> dict[str, dict[str, Any]]:
    servers = document.get(_KEY, {})
    if not isinstance(servers, dict) or not all(isinstance(v, dict) for v in servers.values()):
        raise ConfigurationError(f'"{_KEY}" in {where} is no object of objects; mend it')
    return servers


def _parsed(data: bytes, where: str) -> dict[str, Any]:
    if len(data) > MAX_FILE_BYTES:
        raise ConfigurationError(f"{where} is larger than {MAX_FILE_BYTES:,} bytes")
    problem = "is no JSON object"
    try:
        document = json.loads(data) if data.strip() else {}
        if isinstance(document, dict):
            return document
    except (ValueError, RecursionError) as err:
        line = f", line {err.lineno}" if isinstance(err, json.JSONDecodeError) else ""
        problem = f"is no JSON ({type(err).__name__}{line})"
    raise ConfigurationError(f"{where} {problem}; mend it, or delete it")


def usable(entries: Mapping[str, Entry]) -> dict[str, ServerAddress]:
    """The addresses of servers that are not disabled.

    :raises ConfigurationError: one cannot be used.
    """
    return configured_servers({_KEY: entries})


def _checked(entries: Mapping[str, Entry]) -> Mapping[str, Entry]:
    for name in entries:
        if not (name.isprintable() and name == name.strip() and 0 < len(name) <= _MAX_NAME_CHARS):
            raise ConfigurationError(
                f"{shown(name)} cannot name an MCP server; give 1 to {_MAX_NAME_CHARS} characters"
            )
        if "://" in name:
            raise ConfigurationError(f"{shown(name)} cannot name an MCP server; it is an address")
    return entries


def _kind(before: Entry | None, after: Entry) -> Literal["added", "changed", "same"]:
    if before is None:
        return "added"
    return "same" if before == after else "changed"

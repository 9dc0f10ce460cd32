"""Tools as they were approved, so that a server cannot change one behind the user's back.

A tool's description is read by models as an instruction. What a server offers at the first
connection is taken for approved, since the user has just chosen it; what it changes or adds later
is withheld until somebody says yes. Digests of each tool's description, schemas and hints are kept
for each server in one file in the user's data folder.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from llmring.exceptions import LockfileError, MCPError
from llmring.mcp.client.listing import MAX_DESCRIPTION_BYTES
from llmring.mcp.client.types import ToolChange
from llmring.private_files import replace_text

if TYPE_CHECKING:
    from mcp import types

FILE_NAME = "mcp_tools.json"
#: Most bytes of the file of approved tools.
MAX_FILE_BYTES = 2**26
#: Most bytes of one server's tools in it, so that none keeps the others out.
MAX_SERVER_BYTES = 2**22
_VERSION = 1
# What is kept of a description, and shown to whoever approves it: as much as a model is told.
_KEPT_CHARS = MAX_DESCRIPTION_BYTES


class Pin(NamedTuple):
    """A tool as it is offered or was approved.

    :param digest: SHA-256 over all that a model or a user is shown of the tool.
    :param description: the start of its description.
    """

    digest: str
    description: str


def pin_of(tool: types.Tool) -> Pin:
    """A tool's definition, condensed."""
    shown = {"title", "description", "input_schema", "output_schema", "annotations"}
    definition = tool.model_dump(mode="json", include=shown, exclude_none=True)
    # ASCII escapes keep lone surrogates encodable; keys in any order are the same schema.
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"))
    told = tool.description or tool.title or ""
    return Pin(hashlib.sha256(text.encode()).hexdigest(), told[:_KEPT_CHARS])


def changes(approved: Mapping[str, Pin], offered: Mapping[str, Pin]) -> list[ToolChange]:
    """How what is offered differs from what was approved, by the tools' names."""
    found = []
    for name in sorted({*approved, *offered}):
        old, new = approved.get(name), offered.get(name)
        if new is None and old is not None:
            found.append(ToolChange(name, "removed", approved=old.description))
        elif new is not None and old is None:
            found.append(ToolChange(name, "added", new.description, digest=new.digest))
        elif new is not None and old is not None and new.digest != old.digest:
            found.append(ToolChange(name, "changed", new.description, old.description, new.digest))
    return found


class PinStore:
    """The file of approved tools, shared between processes.

    :param path: None for the user's own, in their data folder.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = None if path is None else Path(path)

    @property
    def path(self) -> Path:
        """Where the file is; it need not exist."""
        if self._path is None:
            from llmring.conversations.addresses import data_folder

            return data_folder() / FILE_NAME
        return self._path

    def approved(self, identity: str) -> dict[str, Pin] | None:
        """What was approved of a server; None for one that was never seen.

        :param identity: of its `ServerAddress`.
        :raises MCPError: the file cannot be read, or is damaged.
        """
        server = self._read().get(identity)
        return (
            None if server is None else {name: Pin(*pin) for name, pin in server["tools"].items()}
        )

    def approve(self, identity: str, label: str, tools: Mapping[str, Pin]) -> None:
        """Keep `tools` as approved, beside what was approved of the server before.

        :param label: of its `ServerAddress`, for who reads the file.
        :raises MCPError: the file cannot be written, or there are too many.
        """
        from llmring.lockfile.writing import only_writer

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with only_writer(self.path):
                servers = self._read()
                server = servers.setdefault(identity, {"address": label, "tools": {}})
                server["tools"].update({name: list(pin) for name, pin in tools.items()})
                if len(json.dumps(server, indent=1)) > MAX_SERVER_BYTES:
                    raise MCPError(
                        f"{label} offers more tools than can be kept as approved: their names and "
                        f"descriptions take more than {MAX_SERVER_BYTES:,} bytes in {self.path}"
                    )
                self._write(servers)
        except (OSError, LockfileError) as err:
            raise MCPError(f"approved tools cannot be kept in {self.path}: {err}") from err

    def forget(self, identity: str, tools: Iterable[str] | None = None) -> None:
        """Take back what was approved of a server; the next connection is as the first one.

        :param tools: only these; None for the whole server.
        :raises MCPError: the file cannot be written.
        """
        from llmring.lockfile.writing import only_writer

        try:
            if not self.path.exists():
                return
            with only_writer(self.path):
                servers = self._read()
                if tools is None:
                    servers.pop(identity, None)
                elif identity in servers:
                    for name in tools:
                        servers[identity]["tools"].pop(name, None)
                self._write(servers)
        except (OSError, LockfileError) as err:
            raise MCPError(f"approved tools cannot be kept in {self.path}: {err}") from err

    def _read(self) -> dict[str, Any]:
        try:
            with open(self.path, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as err:
            raise MCPError(f"approved tools cannot be read from {self.path}: {err}") from err
        try:
            document = json.loads(data)
            if document["version"] != _VERSION:
                raise ValueError(f"version {document['version']!r}")
            servers: dict[str, Any] = document["servers"]
            for server in servers.values():
                if not all(
                    isinstance(digest, str) and isinstance(description, str)
                    for digest, description in server["tools"].values()
                ):
                    raise TypeError("a tool's digest or description is no text")
            return servers
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as err:
            raise MCPError(
                f"{self.path} is damaged ({type(err).__name__}), so no tool is known to be "
                "approved; delete it to approve the servers' tools anew",
                original=err,
            ) from err

    def _write(self, servers: Mapping[str, Any]) -> None:
        """Replace the file in one step."""
        text = json.dumps({"version": _VERSION, "servers": servers}, indent=1)
        if len(text) > MAX_FILE_BYTES:
            raise MCPError(
                f"{self.path} would be larger than {MAX_FILE_BYTES:,} bytes; delete it to approve "
                "the servers' tools anew"
            )
        replace_text(self.path, text)

"""The file that a shell sources to reach a server: ``.env.llmring``."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from llmring.exceptions import ConfigurationError
from llmring.private_files import replace_text

#: Where it is, unless somebody says otherwise.
DEFAULT = ".env.llmring"
_MAX_BYTES = 1024 * 1024
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


def read(path: Path) -> dict[str, str]:
    """The variables that a file sets; empty where there is none.

    :raises ConfigurationError: it cannot be read.
    """
    values = {}
    for line in _lines(path):
        if found := _LINE.fullmatch(line):
            try:
                words = shlex.split(found[2], comments=True)
            except ValueError:  # an open quote: a shell would not take it either
                continue
            values[found[1]] = words[0] if words else ""
    return values


def write(path: Path, variables: Mapping[str, str]) -> None:
    """Set variables in a file, in one step; its other lines stay as they are.

    They are exported, so that the programs of the shell which sources it have them. Nobody but the
    owner can read it.

    :raises ConfigurationError: it cannot be written.
    """
    left = dict(variables)
    lines = []
    for line in _lines(path):
        found = _LINE.fullmatch(line)
        if found and found[1] in variables:
            if found[1] in left:
                lines.append(_assignment(found[1], left.pop(found[1])))
        else:
            lines.append(line)
    lines += [_assignment(name, value) for name, value in left.items()]
    try:
        replace_text(path, "\n".join(lines) + "\n")
    except OSError as err:
        raise _problem(path, "written", err) from err


def check_writable(path: Path) -> None:
    """Find out, before there is a key that nobody has seen, that it can be written; write nothing.

    :raises ConfigurationError: it cannot.
    """
    _text(path)
    try:
        tempfile.TemporaryFile(dir=Path(os.path.realpath(path)).parent).close()
    except OSError as err:
        raise _problem(path, "written", err) from err


def _assignment(name: str, value: str) -> str:
    return f"export {name}={shlex.quote(value)}"


def _lines(path: Path) -> list[str]:
    """The lines as a shell has them; `str.splitlines` would end them at a form feed too."""
    lines = _text(path).split("\n")
    return lines if lines[-1] else lines[:-1]


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) <= _MAX_BYTES:
            return data.decode("utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        pass
    except OSError as err:
        raise _problem(path, "read", err) from err
    # What is not read would be missing from the file that takes its place.
    raise ConfigurationError(
        f"{str(path)!r} is no UTF-8 text of at most {_MAX_BYTES:,} bytes; name another file with "
        "--env-file"
    )


def _problem(path: Path, done: str, err: OSError) -> ConfigurationError:
    return ConfigurationError(f"{str(path)!r} cannot be {done}: {err.strerror or err}")

"""From a file to TOML's values, bounded: size, kind of file, encoding, depth."""

from __future__ import annotations

import errno
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from llmring.exceptions import LockfileError

#: Largest lockfile that is read, in bytes. One with 1,000 aliases has 150,000.
MAX_BYTES = 256 << 10

# tomllib's work grows with the square of a dotted key's parts (8,000 of them: 0.7 s).
_PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rf"(?<![\w-])(?:{_PART}){{64}}", re.ASCII)
_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def read_bytes(path: Path) -> bytes:
    """A lockfile's bytes.

    :raises LockfileError: it is missing, no plain file, too large, or cannot be opened.
    """
    try:
        # Without O_NONBLOCK a FIFO would hold us until someone writes to it.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        handle = os.open(path, flags)
    except OSError as err:
        raise problem(path, _reason(err), code=_code(err)) from err
    except ValueError as err:  # NUL or a lone surrogate in the path
        raise problem(path, f"cannot be a path ({err})") from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise problem(path, f"is {_kind(mode)}, not a file; name the lockfile itself")
        with open(handle, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as err:
        raise problem(path, _reason(err)) from err
    finally:
        os.close(handle)
    if len(data) > MAX_BYTES:
        raise problem(path, f"is larger than {MAX_BYTES:,} bytes; a lockfile holds aliases only")
    return data


def decode(data: bytes, path: Path | None) -> str:
    """A lockfile's text, without a byte-order mark.

    :raises LockfileError: it is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        line = data.count(b"\n", 0, err.start) + 1
        raise problem(
            path, f"byte {data[err.start]:#04x} is not UTF-8; save the file as UTF-8", line=line
        ) from None


def parse_toml(text: str, path: Path | None) -> dict[str, Any]:
    """The values of TOML text.

    :raises LockfileError: it is not TOML, or too deep; says the line.
    """
    if found := _LONG_KEY.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise problem(path, "a key has more than 64 parts; no lockfile nests so deep", line=line)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as err:
        place = _PLACE.search(str(err))
        what = str(err)[: place.start()] if place else str(err)
        line = int(place[1]) if place and place[1] else text.rstrip("\n").count("\n") + 1
        column = int(place[2]) if place and place[2] else None
        raise problem(path, f"not TOML: {what}", line=line, column=column) from None
    except RecursionError:
        raise problem(path, "not a lockfile: its values nest too deep") from None
    except ValueError:  # an integer beyond int's digit limit; tomllib lets it through
        raise problem(path, "not a lockfile: it holds a number of thousands of digits") from None


def problem(
    path: Path | None,
    what: str,
    *,
    key: str = "",
    line: int | None = None,
    column: int | None = None,
    code: str | None = None,
) -> LockfileError:
    """The error about a place in a lockfile; its `details` have path, line, key and the reason."""
    where = "lockfile" if path is None else str(path)
    if line is not None:
        where += f", line {line}" + (f", column {column}" if column is not None else "")
    colon = ":" if line is not None or key else ""
    text = f"{where}{', ' + key if key else ''}{colon} {what}"
    details = {
        "reason": what,
        "path": None if path is None else str(path),
        "line": line,
        "column": column,
        "key": key,
    }
    return LockfileError(text, details=details, code=code)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a FIFO" if stat.S_ISFIFO(mode) else "a device or socket"


def _reason(err: OSError) -> str:
    if err.errno == errno.ENOENT:
        return "does not exist; make it (llmring lock init), or name another"
    if err.errno == errno.ELOOP:
        return "is a symbolic link that leads to itself"
    return f"cannot be read: {err.strerror or err}"


def _code(err: OSError) -> str | None:
    return "missing" if err.errno == errno.ENOENT else None

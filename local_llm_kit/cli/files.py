"""Files that the commands read and write."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from LLM.exceptions import LLMConfigError
from LLM.replacement import owner_only, replacing

DATA_VARIABLE = "LOCAL_LLM_KIT_DATA_DIR"
#: Most bytes of a text that is read: more than any window holds.
MAX_TEXT_BYTES = 64 << 20


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where a user's conversations are kept: ``LOCAL_LLM_KIT_DATA_DIR``, or the system's place.

    Source: XDG Base Directory Specification 0.8; Apple's and Microsoft's guides name the others.
    """
    if chosen := environ.get(DATA_VARIABLE):
        return Path(chosen).expanduser()
    if sys.platform == "darwin":
        base = Path("~/Library/Application Support")
    elif os.name == "nt":
        base = Path(environ.get("LOCALAPPDATA") or "~/AppData/Local")
    else:
        base = Path(environ.get("XDG_DATA_HOME") or "~/.local/share")
    return base.expanduser() / "local-llm-kit"


def private_folder(path: Path) -> Path:
    """A folder that is there, readable to its owner alone where it is new.

    :raises LLMConfigError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as err:
        raise LLMConfigError(
            f"cannot make the folder {str(path)!r}: {err.strerror or err}; set {DATA_VARIABLE} to "
            "one that can be written, or keep nothing (--no-save)"
        ) from err
    return path


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file in one step: a reader sees the old text or the new one.

    :param private: readable to its owner alone.
    :raises LLMConfigError: it cannot be written.
    """
    # A symbolic link stays one, and what is no file, such as /dev/stdout, is written to.
    path = Path(os.path.realpath(path))
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8", newline="")
            return
        opener = owner_only if private else None
        with (
            replacing(path) as partial,
            open(partial, "x", encoding="utf-8", newline="", opener=opener) as file,
        ):
            file.write(text)
            if not private and path.exists():
                os.chmod(partial, path.stat().st_mode & 0o777)
    except OSError as err:
        raise _cannot("write", path, err) from err


def read_bytes(path: Path, most: int = MAX_TEXT_BYTES) -> bytes:
    """A file's bytes.

    :raises LLMConfigError: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
    except OSError as err:
        raise _cannot("read", path, err) from err
    if len(data) > most:
        raise LLMConfigError(f"{str(path)!r} is larger than {most:,} bytes; give a smaller file")
    return data


def read_text(path: Path) -> str:
    """A file's text.

    :raises LLMConfigError: as `read_bytes`, or it is not UTF-8.
    """
    return decoded(read_bytes(path), repr(str(path)))


def decoded(data: bytes, what: str) -> str:
    """UTF-8 text of bytes, a byte-order mark left out.

    :param what: where they are from, for the error.
    :raises LLMConfigError: they are no text.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise LLMConfigError(
            f"{what} is not UTF-8 text: byte {err.start} is {data[err.start]:#04x}; convert it"
        ) from None


def _cannot(verb: str, path: Path, err: OSError) -> LLMConfigError:
    return LLMConfigError(f"cannot {verb} {str(path)!r}: {err.strerror or err}")

"""Which files and addresses may be read, as the environment says.

Paths may come from strangers: from a model's tool call, or from a user of the caller's. Where
``LLMRING_FILE_ROOTS`` is set, only what lies in those folders is read. Where it is not, a path is
taken for the caller's own: all is read but the system's folders. Where keys and passwords usually
lie is out of bounds in any case, unless a root lies in there. What is out of bounds is so in any
spelling: macOS has disks that ignore case.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from llmring.exceptions import ConfigurationError
from llmring.settings import flag, number

#: Folders in which no documents lie, but secrets, devices, and what the kernel makes up.
_SYSTEM = ("/boot", "/dev", "/etc", "/proc", "/run", "/sys", "/var/run")
#: Files and folders of keys and passwords.
_SECRET = frozenset(
    """
    .aws .azure .docker .env .git-credentials .gnupg .kube .netrc .npmrc .password-store .pgpass
    .pypirc .ssh
    """.split()
)
#: Environments of one machine or one program, such as ``.env.llmring`` of `llmring server init`;
#: and what stands in their place where others read along.
_ENVIRONMENT = ".env."
_EXAMPLES = (".dist", ".example", ".sample", ".template")
#: The largest file that most providers keep: OpenAI 512 MB, Anthropic 500 MB. Google keeps 2 GB.
_MAX_SIZE_BYTES = 512 * 1024**2
_MAX_DOWNLOAD_BYTES = 50 * 1024**2
#: No variable can ask for more.
_MOST_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class FileRules:
    """Which files may be read, and which addresses used.

    :param roots: folders, without links; empty for no such limit.
    :param max_size_bytes: the size of the largest file.
    :param allow_remote: whether addresses are taken at all.
    :param max_download_bytes: the size of the largest answer of one that is downloaded.
    """

    roots: tuple[str, ...] = ()
    max_size_bytes: int = _MAX_SIZE_BYTES
    allow_remote: bool = False
    max_download_bytes: int = _MAX_DOWNLOAD_BYTES

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> FileRules:
        """The rules as the environment has them now.

        ``LLMRING_FILE_ROOTS`` has folders with the system's separator between them, as ``PATH``;
        ``LLMRING_MAX_FILE_SIZE_BYTES`` and ``LLMRING_MAX_DOWNLOAD_SIZE_BYTES`` have bytes;
        ``LLMRING_ALLOW_REMOTE_URLS`` is 1 or 0.

        :raises ConfigurationError: a variable's value cannot work; the message names it.
        """
        names = environ.get("LLMRING_FILE_ROOTS", "").split(os.pathsep)
        return cls(
            roots=tuple(_root(name) for name in names if name.strip()),
            max_size_bytes=_n_bytes(environ, "LLMRING_MAX_FILE_SIZE_BYTES", _MAX_SIZE_BYTES),
            allow_remote=flag(environ, "LLMRING_ALLOW_REMOTE_URLS"),
            max_download_bytes=_n_bytes(
                environ, "LLMRING_MAX_DOWNLOAD_SIZE_BYTES", _MAX_DOWNLOAD_BYTES
            ),
        )

    def objection(self, real_path: str) -> str | None:
        """Why a file may not be read; None when it may.

        :param real_path: absolute, without links.
        """
        if not self.roots:
            folders = {*_SYSTEM, *map(os.path.realpath, _SYSTEM)}
            if any(_below(real_path.casefold(), one.casefold()) is not None for one in folders):
                return "it lies in a folder of the system; name its folder in LLMRING_FILE_ROOTS"
            return _secret_in(real_path)
        inner = [found for root in self.roots if (found := _below(real_path, root)) is not None]
        if not inner:
            return "it lies outside the folders of LLMRING_FILE_ROOTS; move it, or add its folder"
        return _secret_in(min(inner, key=len))


def _secret_in(path: str) -> str | None:
    found = next((name for name in path.split(os.sep) if _is_secret(name)), None)
    if found is None:
        return None
    return f"{found} is where keys lie; name its folder in LLMRING_FILE_ROOTS if it is to be read"


def _is_secret(name: str) -> bool:
    name = name.casefold()  # not `lower`, which leaves letters such as the long s
    return name in _SECRET or (name.startswith(_ENVIRONMENT) and not name.endswith(_EXAMPLES))


def _below(path: str, folder: str) -> str | None:
    """What follows `folder` in `path`; None where that lies elsewhere."""
    folder = folder.rstrip(os.sep) + os.sep
    return path[len(folder) :] if path.startswith(folder) else None


def _root(name: str) -> str:
    real = os.path.realpath(name.strip())
    if not os.path.isdir(real):
        raise ConfigurationError(
            f"LLMRING_FILE_ROOTS names {name.strip()!r}, which is no folder; name folders with "
            f"{os.pathsep!r} between them"
        )
    return real


def _n_bytes(environ: Mapping[str, str], name: str, usual: int) -> int:
    return int(number(environ, name, usual, _MOST_BYTES))

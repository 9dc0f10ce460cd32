"""The virtual environment that the scripts run in: made, filled and brought up to date.

Only the standard library is used here, since this runs before anything is installed. What was
installed is remembered in a stamp, a hash of everything that decides it, so that a second run
installs nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import site
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import processes

ROOT = Path(__file__).resolve().parent.parent

#: What is installed: enough to run the local server, or everything that developing takes.
Profile = Literal["demo", "test"]

_PIP_ARGUMENTS: dict[Profile, tuple[str, ...]] = {
    "demo": ("-c", "requirements.txt", "-e", ".[llama,server]"),
    "test": ("-r", "requirements.txt", "-e", "."),
}
# The profiles whose installation also serves the one asked for.
_ENOUGH: dict[Profile, tuple[Profile, ...]] = {"demo": ("demo", "test"), "test": ("test",)}
_INPUTS = ("pyproject.toml", "requirements.txt", "setup.cfg", "setup.py", "LLM/_version.py")

_STAMP = "llm-kit.stamp"
_COMPILERS = ("c++", "g++", "clang++")


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def location() -> Path:
    """Folder of the environment: ``VENV``, else the active one, else ``.venv`` here."""
    chosen = os.environ.get("VENV") or os.environ.get("VIRTUAL_ENV")
    if chosen:
        return Path(chosen).absolute()
    if sys.prefix != sys.base_prefix:
        return Path(sys.prefix)
    return ROOT / ".venv"


def prepare(profile: Profile) -> Path:
    """Make the environment ready for `profile`, installing only when something changed.

    :return: the environment's Python.
    :raises SetupError: a tool is missing or an installation failed.
    """
    venv = location()
    _require_own_folder(venv)
    python = venv / "bin" / "python"
    if python.exists() and _is_current(venv, profile):
        return python
    if not _runs(python, "-m", "pip", "--version"):
        _make_venv(venv)
    _require_compiler(python)
    stamp = venv / _STAMP
    stamp.unlink(missing_ok=True)  # an interrupted installation leaves nothing to rely on
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
    _run("installing", [*pip, *_PIP_ARGUMENTS[profile]])
    stamp.write_text(_stamp_of(venv, profile))
    if _is_running(python):
        # This process read its .pth files when it started, before there was an editable install.
        site.addsitedir(sysconfig.get_path("purelib"))
    return python


def _require_own_folder(venv: Path) -> None:
    is_free = not venv.exists() or (venv.is_dir() and not any(venv.iterdir()))
    if not is_free and not (venv / "pyvenv.cfg").exists():
        raise SetupError(
            f"{venv} is there and is no virtual environment, so nothing was put into it;"
            " set VENV to a new folder, or unset it"
        )


def enter(python: Path, script: str, arguments: Sequence[str]) -> None:
    """Start `script` again with the environment's Python, unless it already runs in it."""
    if not _is_running(python):
        sys.stdout.flush()
        os.execv(python, [str(python), script, *arguments])


def _is_running(python: Path) -> bool:
    """Whether this process runs in the environment of `python`."""
    return Path(sys.prefix).resolve() == python.parent.parent.resolve()


def _is_current(venv: Path, profile: Profile) -> bool:
    stamp = venv / _STAMP
    enough = [_stamp_of(venv, candidate) for candidate in _ENOUGH[profile]]
    return stamp.exists() and stamp.read_text() in enough


def _stamp_of(venv: Path, profile: Profile) -> str:
    """What the stamp holds once `profile` is installed: a hash of everything that decides it."""
    # The venv's own file names its Python; the root is where -e points to.
    parts = [profile.encode(), str(ROOT).encode(), (venv / "pyvenv.cfg").read_bytes()]
    parts += [(ROOT / name).read_bytes() for name in _INPUTS]
    digests = [hashlib.sha256(part).hexdigest() for part in parts]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def _runs(python: Path, *arguments: str) -> bool:
    """Whether `python` exists and ends a command well."""
    try:
        command = [str(python), *arguments]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:  # not there, or a link to a Python that is gone
        return False


def _make_venv(venv: Path) -> None:
    if not _runs(Path(sys.executable), "-c", "import ensurepip"):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise SetupError(
            f"{sys.executable} cannot make virtual environments, its module 'ensurepip' is"
            f" missing; on Debian or Ubuntu run: apt-get install python{version}-venv"
        )
    _run("making the virtual environment", [sys.executable, "-m", "venv", str(venv)])


def _require_compiler(python: Path) -> None:
    """Stop before the download when llama-cpp-python would have to be compiled and cannot be."""
    if os.environ.get("CXX") or any(shutil.which(name) for name in _COMPILERS):
        return
    pinned = next(
        line.strip()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if line.startswith("llama-cpp-python==")
    )
    if _has_wheel(python, pinned):
        return
    raise SetupError(
        f"{pinned} has to be compiled and no C++ compiler was found (tried:"
        f" {', '.join(_COMPILERS)}); on Debian or Ubuntu run: apt-get install g++ cmake,"
        " on Fedora: dnf install gcc-c++ cmake, on macOS: xcode-select --install"
    )


def _has_wheel(python: Path, pinned: str) -> bool:
    """Whether `pinned` is installed, or pip has it compiled: in its cache or from elsewhere."""
    if _runs(python, "-c", "import llama_cpp"):
        return True
    cached = [str(python), "-m", "pip", "cache", "list", "llama_cpp_python", "--format=abspath"]
    listing = subprocess.run(cached, capture_output=True, text=True, check=False).stdout
    if pinned.replace("-", "_").replace("==", "-") in listing:
        return True
    lookup = ("install", "--dry-run", "--no-deps", "--only-binary=:all:", pinned)
    return _runs(python, "-m", "pip", *lookup)


def _run(what: str, command: Sequence[str]) -> None:
    try:
        processes.follow(what, command, cwd=ROOT)
    except processes.CommandError as err:
        raise SetupError(str(err)) from err

"""What is in a wheel and an sdist, held against what the commit has."""

from __future__ import annotations

import email
import re
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

PACKAGES = ("LLM", "ai", "cloud", "llm_kit", "llmring", "local_llm_kit")
#: What an sdist holds besides the packages, setuptools' own files left aside.
BESIDE = (
    "CHANGELOG.md", "CONTRIBUTING.md", "DESCRIPTION.md", "LICENSE", "README.md", "pyproject.toml",
    "setup.cfg", "setup.py",
)  # fmt: skip
_LINK = re.compile(r"\]\((?!https?:|#)([^)]+)\)")


def wheel_files(wheel: Path) -> set[str]:
    """Names of the files in a wheel, those of its metadata left out."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    return {name for name in names if ".dist-info/" not in name}


def sdist_files(sdist: Path) -> set[str]:
    """Names of the files in an sdist, below its folder, without those that setuptools makes."""
    with tarfile.open(sdist) as archive:
        names = [member.name.partition("/")[2] for member in archive if member.isfile()]
    return {name for name in names if name != "PKG-INFO" and ".egg-info/" not in name}


def wheel_licences(wheel: Path) -> set[str]:
    """The licence files that a wheel declares, by their paths in the repository."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
    return {name.partition("/licenses/")[2] for name in names if ".dist-info/licenses/" in name}


def description(wheel: Path) -> str:
    """The long description in a wheel's metadata: what an index shows."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    text = metadata.get_payload(decode=True)
    assert isinstance(text, bytes)
    return text.decode("utf-8")


def wheel_problems(found: set[str], tracked: Iterable[str]) -> list[str]:
    """How a wheel differs from the packages of the commit: nothing may miss, nothing be too much.

    :param found: files in the wheel.
    :param tracked: files of the commit.
    """
    wanted = {name for name in tracked if name.partition("/")[0] in PACKAGES}
    return _differences("wheel", found, wanted)


def sdist_problems(found: set[str], tracked: Iterable[str]) -> list[str]:
    """How an sdist differs from the packages, the pages and the files beside them.

    :param found: files in the sdist.
    :param tracked: files of the commit.
    """
    files = set(tracked)
    wanted = {name for name in files if name.partition("/")[0] in PACKAGES}
    wanted |= {name for name in files if name in BESIDE or name == "MANIFEST.in"}
    wanted |= {name for name in files if re.fullmatch(r"docs/.*\.(md|png|svg)", name)}
    return _differences("sdist", found, wanted)


def licence_problems(found: set[str], tracked: Iterable[str]) -> list[str]:
    """Licence files of the commit that the wheel does not declare as such."""
    wanted = {name for name in tracked if Path(name).name.startswith("LICENSE")}
    return _differences("wheel's licences", found, wanted)


def description_problems(text: str) -> list[str]:
    """Links of the description that lead nowhere outside of the repository."""
    return [f"description: {link!r} leads nowhere on an index" for link in _LINK.findall(text)]


def _differences(what: str, found: set[str], wanted: set[str]) -> list[str]:
    missing = [f"{what}: {name} is missing" for name in sorted(wanted - found)]
    return missing + [f"{what}: {name} is too much" for name in sorted(found - wanted)]

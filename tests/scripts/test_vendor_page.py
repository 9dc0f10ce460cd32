"""The libraries of the web page are the bytes that were reviewed."""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
import vendor_page
from vendor_page import VENDOR, VendorError, check, fetch, wanted


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    return Path(shutil.copytree(VENDOR, tmp_path / "vendor"))


def packs(monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    """Have npm give packages whose files are as here, or all have another content."""

    def run(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        package, folder = command[2].rpartition("@")[0], Path(command[-1])
        archive = folder / f"{package.replace('/', '-')}.tgz"
        source = folder / "file"
        with tarfile.open(archive, "w:gz") as tar:
            for file in (one for one in wanted() if one.package == package):
                source.write_bytes(file.path.read_bytes() if content is None else content)
                tar.add(source, f"package/{file.member}")
        return subprocess.CompletedProcess(command, 0, f"{archive.name}\n", "")

    monkeypatch.setattr(vendor_page.subprocess, "run", run)


def test_what_is_here_is_what_was_reviewed() -> None:
    check()


def test_each_library_comes_with_its_licence() -> None:
    libraries = json.loads((VENDOR / "versions.json").read_text())
    assert all("LICENSE" in library["files"] for library in libraries.values())
    folders = {path.name for path in VENDOR.iterdir() if path.is_dir()}
    assert folders == set(libraries)


def test_a_changed_file_is_found(copied: Path) -> None:
    with (copied / "marked" / "marked.esm.js").open("ab") as file:
        file.write(b" ")
    with pytest.raises(VendorError, match=r"marked\.esm\.js: its SHA-256 is"):
        check(copied)


def test_a_missing_file_is_found(copied: Path) -> None:
    (copied / "dompurify" / "LICENSE").unlink()
    with pytest.raises(VendorError, match="is missing; run scripts/vendor-page"):
        check(copied)


def test_fetching_brings_files_back(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packs(monkeypatch, None)
    (copied / "dompurify" / "LICENSE").unlink()
    fetch(copied)
    check(copied)


def test_what_does_not_match_is_not_written(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packs(monkeypatch, b"alert(1)")
    with pytest.raises(VendorError, match="nothing was written"):
        fetch(copied)
    check(copied)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (FileNotFoundError(), "apt-get install npm"),
        (subprocess.CalledProcessError(1, "npm", "", "no such version"), "no such version"),
    ],
    ids=["no npm", "npm fails"],
)
def test_npm_that_does_not_work_is_told(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def run(*args: object, **options: object) -> None:
        raise error

    monkeypatch.setattr(vendor_page.subprocess, "run", run)
    with pytest.raises(VendorError, match=said):
        fetch()

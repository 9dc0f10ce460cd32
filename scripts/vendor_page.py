"""The libraries of the web page: fetched with npm, verified, and put where the server reads them.

`vendor/versions.json` says which file of which version is wanted and what its SHA-256 is. A file
that does not match is never written, so the page runs exactly the bytes that were reviewed. To take
a newer version: edit `version`, run `scripts/vendor-page`, review what it shows, write the hashes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

VENDOR = Path(__file__).parent.parent / "local_llm_kit/server/page/static/vendor"
_MAX_FILE_BYTES = 1 << 20


class Wanted(NamedTuple):
    """A file of a library.

    :param member: where it is in the package.
    :param path: where it belongs here.
    """

    package: str
    version: str
    member: str
    path: Path
    sha256: str


class VendorError(Exception):
    """A file is not what it should be; the message says which."""


def wanted(vendor: Path = VENDOR) -> Iterator[Wanted]:
    """Every file that `versions.json` names."""
    libraries = json.loads((vendor / "versions.json").read_text("utf-8"))
    for folder, library in libraries.items():
        for name, file in library["files"].items():
            yield Wanted(
                library["package"],
                library["version"],
                file["member"],
                vendor / folder / name,
                file["sha256"],
            )


def verify(data: bytes, file: Wanted) -> None:
    """Hold the bytes of a file against its hash.

    :raises VendorError: they differ.
    """
    found = hashlib.sha256(data).hexdigest()
    if found != file.sha256:
        raise VendorError(
            f"{file.package} {file.version}, {file.member}: its SHA-256 is {found}, "
            f"versions.json says {file.sha256}; nothing was written"
        )


def check(vendor: Path = VENDOR) -> None:
    """Verify the files that are here.

    :raises VendorError: one is missing or differs.
    """
    for file in wanted(vendor):
        if not file.path.is_file():
            raise VendorError(f"{file.path} is missing; run scripts/vendor-page")
        verify(file.path.read_bytes(), file)


def fetch(vendor: Path = VENDOR) -> None:
    """Fetch every file anew; all are verified before the first is written.

    :raises VendorError: npm failed, or a file differs.
    """
    files = list(wanted(vendor))
    with tempfile.TemporaryDirectory() as folder:
        packages = {f"{file.package}@{file.version}" for file in files}
        archives = {name: _pack(name, Path(folder)) for name in sorted(packages)}
        found = [(file, _read(archives[f"{file.package}@{file.version}"], file)) for file in files]
    for file, data in found:
        file.path.parent.mkdir(exist_ok=True)
        file.path.write_bytes(data)


def _pack(name: str, folder: Path) -> Path:
    command = ["npm", "pack", name, "--silent", "--ignore-scripts", "--pack-destination"]
    try:
        done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise VendorError("npm is not installed; on Debian: apt-get install npm") from None
    except subprocess.CalledProcessError as err:
        raise VendorError(f"npm cannot fetch {name}: {err.stderr.strip()[-500:]}") from err
    return folder / done.stdout.split()[-1]


def _read(archive: Path, file: Wanted) -> bytes:
    with tarfile.open(archive) as tar:
        member = tar.extractfile(f"package/{file.member}")
        if member is None:
            raise VendorError(f"{file.package} {file.version} has no file {file.member}")
        data = member.read(_MAX_FILE_BYTES)
    verify(data, file)
    return data


def main() -> int:
    """The command; 1 if a file is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="verify the files that are here")
    chosen = parser.parse_args()
    try:
        check() if chosen.check else fetch()
    except VendorError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    print(f"{sum(1 for _ in wanted())} files are as versions.json says")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The protocol's reference servers, from npm: installed once, beside the tests' Python."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

_VERSION = "2026.8.31"
_PACKAGES = [
    f"@modelcontextprotocol/server-{name}@{_VERSION}"
    for name in ("filesystem", "memory", "everything")
]
_FOLDER = Path(sys.prefix) / "mcp-reference-servers" / _VERSION
_INSTALL_S = 120


def installed() -> Path:
    """The folder of the servers' programs; without npm, or its registry, the test is skipped."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        missing = "npm is not installed; on Debian: apt-get install npm"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    if not _FOLDER.exists():
        new = _FOLDER.with_name(f".new-{os.getpid()}")
        new.mkdir(parents=True)
        # A package of its own, in which npm installs; --prefix would hide the machine's settings
        # for npm, such as its certificates.
        (new / "package.json").write_text('{"private": true}')
        quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        command = [npm, "install", "--fetch-retries=1", *quiet, *_PACKAGES]
        try:
            done = subprocess.run(
                command, cwd=new, capture_output=True, text=True, timeout=_INSTALL_S
            )
            if done.returncode:
                pytest.skip(f"npm cannot install them: {done.stderr[-500:]}")
            with contextlib.suppress(OSError):  # another run was faster
                new.rename(_FOLDER)
        except subprocess.TimeoutExpired:
            pytest.skip(f"npm did not install them within {_INSTALL_S} s")
        finally:
            shutil.rmtree(new, ignore_errors=True)
    return _FOLDER / "node_modules" / ".bin"


@contextlib.contextmanager
def everything_over_http(programs: Path) -> Iterator[str]:
    """The server that has everything, over streamable HTTP. :return: its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]  # the server takes a number alone, and tells none
    process = subprocess.Popen(
        [programs / "mcp-server-everything", "streamableHttp"],
        env={"PATH": os.environ["PATH"], "PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()

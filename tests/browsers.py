"""A real browser for tests, which reaches this machine alone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

#: Milliseconds that anything on a page may take.
WAIT_MS = 10_000
#: No name resolves and no other address is connected to, whatever a page asks for.
_FLAGS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; while it is open this thread can run no event loop."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing = "chromium is not installed; on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playing:
        browser = playing.chromium.launch(executable_path=found, args=_FLAGS)
        yield browser
        browser.close()

"""A real browser at the page; no request of it may leave the server that it looks at."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.local.server.page.peer import Peer, running_peer

_WAIT_MS = 10_000
#: No name resolves and no other address is connected to, whatever a page asks for.
_FLAGS = ["--no-sandbox", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"]


def _chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing = "chromium is not installed; on Debian: apt-get install chromium"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module; while it is open this thread can run no event loop."""
    with sync_playwright() as playing:
        browser = playing.chromium.launch(executable_path=_chromium(), args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile: nothing is stored in it."""
    context = browser.new_context(
        accept_downloads=True, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(_WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext) -> Iterator[Callable[[str], Page]]:
    """Open the page of a server; in the end it must have asked nobody else, and not have failed."""
    asked: list[str] = []
    wrong: list[str] = []
    origins: list[str] = []

    def visit(url: str) -> Page:
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(url)
        origins.append(url.partition("#")[0].rstrip("/") + "/")
        page.wait_for_selector("#model option, dialog[open]", state="attached")
        return page

    yield visit
    own = (*origins, "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert wrong == []


@pytest.fixture(scope="module")
def listening_peer() -> Iterator[Peer]:
    with running_peer() as peer:
        yield peer


@pytest.fixture
def peer(listening_peer: Peer) -> Peer:
    """A scripted server that remembers nothing."""
    listening_peer.reset()
    return listening_peer


@pytest.fixture
def tab(peer: Peer, visit: Callable[[str], Page]) -> Page:
    """The page of the scripted server."""
    return visit(peer.url)


@pytest.fixture
def browser_page(context: BrowserContext) -> Page:
    """An empty page, as another site's."""
    return context.new_page()

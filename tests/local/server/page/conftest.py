"""A real browser at the page; no request of it may leave the server that it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browsers import WAIT_MS, chromium
from tests.local.server.page.peer import Peer, running_peer


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module; while it is open this thread can run no event loop."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile: nothing is stored in it."""
    context = browser.new_context(
        accept_downloads=True, permissions=["clipboard-read", "clipboard-write"]
    )
    context.set_default_timeout(WAIT_MS)
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

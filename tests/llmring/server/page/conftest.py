"""A browser at the usage page of a real server, on a day that does not end."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from llmring.server.run import RingServer
from tests.browsers import WAIT_MS, chromium
from tests.llmring.server.servers import ADMIN_KEY, Client, running

TODAY = "2026-03-15"
_numbers = itertools.count()


@pytest.fixture(scope="session")
def usage_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RingServer]:
    """A server that has an admin's key."""
    file = tmp_path_factory.mktemp("usage") / "server.sqlite"
    with running(database=file, admin_key=ADMIN_KEY) as server:
        yield server


@pytest.fixture(scope="module")
def browser(usage_server: RingServer) -> Iterator[Browser]:
    """A browser for a module. The server begins before it, and ends after: that takes a loop."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh profile: nothing is stored in it."""
    context = browser.new_context(viewport={"width": 1180, "height": 900})
    context.set_default_timeout(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def tenant(usage_server: RingServer) -> Client:
    """A tenant without calls."""
    made = Client(usage_server.url, ADMIN_KEY).post("/keys", {"tenant": f"t{next(_numbers)}"})
    return Client(usage_server.url, made["key"])


@pytest.fixture
def note(tenant: Client) -> Callable[..., None]:
    """Note a call of the tenant: `note(day="2026-03-14", cost=0.5)`."""

    def note(day: str = TODAY, **fields: Any) -> None:
        call = {"provider": "openai", "model": "gpt-4o", "timestamp": f"{day}T12:00:00Z"}
        tenant.post("/log", call | fields)

    return note


@pytest.fixture
def blank(context: BrowserContext, usage_server: RingServer) -> Iterator[Page]:
    """An empty tab. In the end no page in it has failed, or asked anybody but its server."""
    asked: list[str] = []
    wrong: list[str] = []
    tab = context.new_page()
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("dialog", lambda dialog: wrong.append(dialog.message))
    tab.clock.set_fixed_time(f"{TODAY}T18:00:00Z")
    yield tab
    assert [url for url in asked if not url.startswith(f"{usage_server.url}/")] == []
    assert [url for url in asked if "llmr_pk" in url or ADMIN_KEY in url] == []
    assert wrong == []


@pytest.fixture
def enter(blank: Page, tenant: Client) -> Callable[..., Page]:
    """Open the page with the tenant's key: `enter()`."""

    def enter(key: str | None = None) -> Page:
        blank.goto(tenant.url)
        blank.fill("#key-value", key or tenant.key or "")
        blank.press("#key-value", "Enter")
        return blank

    return enter

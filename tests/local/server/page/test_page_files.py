"""The files of the page: which there are, what comes with them, and that there is nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_llm_kit.server import LocalServer, page
from local_llm_kit.server.page.files import STATIC, read_files
from tests.local.http import ask, request, send
from tests.local.support import running_server

PATHS = sorted(read_files())


@pytest.fixture(scope="module")
def locked() -> Iterator[LocalServer]:
    with running_server(api_key="sk-local-test") as server:
        yield server


def test_the_page_is_at_the_root(server: LocalServer) -> None:
    answer = ask(server.url, "/")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"<!doctype html>" in answer.body


@pytest.mark.parametrize("path", PATHS)
def test_a_file_comes_with_the_headers_that_bind_the_page(server: LocalServer, path: str) -> None:
    headers = ask(server.url, path).headers
    policy = headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert not [rule for rule in policy if "unsafe" in rule or "http" in rule or "*" in rule]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"


def test_the_page_needs_no_key_and_what_it_asks_for_does(locked: LocalServer) -> None:
    assert [path for path in PATHS if ask(locked.url, path).status != 200] == []
    assert ask(locked.url, "/v1/models").status == 401
    assert ask(locked.url, "/page/nothing.js").status == 401


def test_a_copy_that_is_current_is_not_sent_again(server: LocalServer) -> None:
    etag = ask(server.url, "/").headers["etag"]
    again = ask(server.url, "/", headers={"If-None-Match": f'"other", W/{etag}'})
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert ask(server.url, "/", headers={"If-None-Match": '"other"'}).status == 200


def test_a_range_is_not_looked_at(server: LocalServer) -> None:
    answer = ask(server.url, "/", headers={"Range": "bytes=0-0,0-0,0-0"})
    assert (answer.status, len(answer.body)) == (200, len(read_files()["/"].body))


def test_head_tells_the_length_and_sends_nothing(server: LocalServer) -> None:
    answer = send(server.url, request(server.url, "/", method="HEAD"))
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["content-length"]) == len(read_files()["/"].body)


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page",
        "/page/index.html",
        "/page/../page/main.js",
        "/page/%2e%2e/%2e%2e/routes.py",
        "/page/..%2froutes.py",
        "/page/vendor/versions.json",
        "/page/vendor/marked/LICENSE",
        "/page//etc/passwd",
        "/page/main.js/",
        "/page/main.js%00.html",
        "/page/MAIN.JS",
        "/index.html",
        "/static/main.js",
    ],
)
def test_nothing_but_the_files_is_there(server: LocalServer, path: str) -> None:
    assert ask(server.url, path).status == 404


def test_a_page_of_another_site_cannot_have_it(server: LocalServer) -> None:
    assert ask(server.url, "/", headers={"Host": "evil.example"}).status == 403


def test_the_first_load_is_small() -> None:
    files = read_files()
    later = "/page/vendor/highlight/highlight.min.js"  # fetched when the first code is there
    assert sum(len(file.body) for path, file in files.items() if path != later) < 300_000


def test_open_paths_are_exactly_the_files() -> None:
    assert page.open_paths() == {path.encode() for path in PATHS}


def test_html_holds_no_script_style_or_handler_of_its_own() -> None:
    html = read_files()["/"].body.decode()
    assert not re.search(r"\son\w+=|<style|style=|javascript:", html)
    assert re.findall(r"<script(?![^>]*src=)", html) == []


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_our_scripts_make_no_markup_of_text(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)

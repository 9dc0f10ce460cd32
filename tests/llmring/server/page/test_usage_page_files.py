"""The files of the usage page: which there are, what comes with them, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests

import llmring.server.page
from llmring.server.page.routes import files
from llmring.server.run import RingServer

PATHS = sorted(files())
STATIC = Path(llmring.server.page.__file__).parent / "static"


@pytest.mark.parametrize("path", PATHS)
def test_a_file_needs_no_key_and_binds_the_page(usage_server: RingServer, path: str) -> None:
    answer = requests.get(usage_server.url + path, timeout=10)
    policy = answer.headers["content-security-policy"].split("; ")
    assert (answer.status_code, answer.content) == (200, files()[path].body)
    needed = {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'",
              "trusted-types 'none'", "require-trusted-types-for 'script'"}  # fmt: skip
    assert needed <= set(policy)
    assert not [rule for rule in policy if "unsafe" in rule or "http" in rule or "*" in rule]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path",
    [
        "/page/",
        "/page/index.html",
        "/page/vendor/marked/marked.esm.js",
        "/page/%2e%2e/routes.py",
        "/page/..%2froutes.py",
        "/page//etc/passwd",
        "/page/main.js/",
        "/page/main.js%00.html",
        "//",
        "/%2f",
        "/index.html",
    ],
)
def test_nothing_but_the_files_is_open(usage_server: RingServer, path: str) -> None:
    session = requests.Session()
    prepared = requests.Request("GET", usage_server.url).prepare()
    prepared.url = usage_server.url + path  # as it is: requests would tidy it up
    assert session.send(prepared, timeout=10).status_code == 401


def test_a_page_is_read_only_and_known_by_its_tag(usage_server: RingServer) -> None:
    first = requests.get(usage_server.url, timeout=10)
    known = {"If-None-Match": first.headers["etag"]}
    again = requests.get(usage_server.url, headers=known, timeout=10)
    assert (again.status_code, again.content) == (304, b"")
    assert requests.post(usage_server.url, timeout=10).status_code == 405


def test_html_holds_no_script_style_or_handler_of_its_own() -> None:
    html = files()["/"].body.decode()
    assert not re.search(r"\son\w+=|<style|style=|javascript:", html)
    assert re.findall(r"<script(?![^>]*src=)", html) == []


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.js")), ids=lambda path: path.name)
def test_our_scripts_make_no_markup_of_text(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)


def test_every_file_is_installed() -> None:
    setup = (STATIC.parents[3] / "setup.cfg").read_text()
    assert "    server/page/static/*\n" in setup.partition("llmring =\n    py.typed")[2]


def test_the_page_is_small() -> None:
    assert sum(len(file.body) for file in files().values()) < 80_000

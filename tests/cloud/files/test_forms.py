"""The same server sees of our uploads what it sees of the official SDKs'."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cloud.files.uploads import (
    KEY,
    PDF,
    Twin,
    accepted,
    both_twins,
    content_of,
    form_of,
    started,
)
from tests.remote.scripted_server import Request, ScriptedServer

pytestmark = pytest.mark.slow

NAMES = ["a.pdf", "no ending", 'a"b.txt', "a\r\nX-Evil: 1.txt", "né 漢 🙂.pdf", "back\\slash.txt"]
NAMES += ["tab\t.txt", "semi;colon=.txt", "100%22.txt"]


def openai(url: str, name: str) -> None:
    from openai import OpenAI

    with OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0) as client:
        client.files.create(file=(name, PDF), purpose="user_data")


def anthropic(url: str, name: str) -> None:
    from anthropic import Anthropic

    with Anthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        client.files.upload(file=(name, PDF))


def openai_info(url: str, file_id: str) -> None:
    from openai import OpenAI

    with OpenAI(base_url=url + "/v1", api_key=KEY, max_retries=0) as client:
        client.files.retrieve(file_id)


def anthropic_info(url: str, file_id: str) -> None:
    from anthropic import Anthropic

    with Anthropic(base_url=url, api_key=KEY, max_retries=0) as client:
        client.files.retrieve_metadata(file_id)


SDKS: dict[str, Callable[[str, str], None]] = {"OpenAICompat": openai, "Anthropic": anthropic}
INFOS: dict[str, Callable[[str, str], None]] = {
    "OpenAICompat": openai_info,
    "Anthropic": anthropic_info,
}


@both_twins
@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("provider", SDKS)
def test_forms_hold_the_fields_of_the_official_sdk(twin: Twin, provider: str, name: str) -> None:
    with ScriptedServer((accepted(provider),)) as server:
        SDKS[provider](server.url, name)
        twin(provider, "upload_file", PDF, filename=name, client={"base_url": server.url})
    theirs, ours = server.requests
    assert (ours.method, ours.path) == (theirs.method, theirs.path)
    assert form_of(ours) == form_of(theirs)
    assert ours.headers.get("anthropic-beta") == theirs.headers.get("anthropic-beta")


@both_twins
def test_google_gets_the_headers_of_the_official_sdk(twin: Twin, tmp_path: Path) -> None:
    from google import genai
    from google.genai.types import HttpOptions

    path = tmp_path / "a.pdf"
    path.write_bytes(PDF)
    with ScriptedServer((accepted("Gemini"),)) as server:
        options = HttpOptions(base_url=server.url, api_version="v1beta")
        client = genai.Client(api_key=KEY, http_options=options)
        client.files.upload(file=path, config={"display_name": "a.pdf"})
        client.close()
        twin("Gemini", "upload_file", path, client={"base_url": server.url})
    theirs, ours = server.requests[:2], server.requests[2:]
    assert started(ours[0]) == started(theirs[0])
    assert content_of(ours[1]) == content_of(theirs[1]) == PDF
    for their, our in zip(theirs, ours, strict=True):
        assert (our.method, our.path) == (their.method, their.path)
    # The SDK sends the path's name beside the one to display, and the first headers once more.
    extra = _upload_headers(theirs[0]) - _upload_headers(ours[0])
    assert extra == {("x-goog-upload-file-name", "a.pdf")}
    assert _upload_headers(ours[0]) < _upload_headers(theirs[0])
    assert _upload_headers(ours[1]) == _upload_headers(theirs[1]) - _upload_headers(theirs[0])


def _upload_headers(request: Request) -> set[tuple[str, str]]:
    return {(n, v) for n, v in request.headers.items() if n.startswith("x-goog-upload-")}


@both_twins
@pytest.mark.parametrize("provider", SDKS)
def test_facts_are_asked_for_as_by_the_official_sdk(twin: Twin, provider: str) -> None:
    with ScriptedServer((accepted(provider),)) as server:
        INFOS[provider](server.url, "file_1/2 é")
        twin(provider, "file_info", "file_1/2 é", client={"base_url": server.url})
    theirs, ours = server.requests
    assert (ours.method, ours.path) == (theirs.method, theirs.path)

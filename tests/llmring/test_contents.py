"""Content parts in each other's words."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from llmring.contents import anthropic_part, openai_part
from llmring.exceptions import ValidationError
from llmring.messages import anthropic_messages, openai_messages, unmarked_tools

PNG, PDF = "iVBORw0KGgo=", "JVBERi0="
MARK = {"cache_control": {"type": "ephemeral"}}


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def source(kind: str, media_type: str, data: str, **fields: Any) -> dict[str, Any]:
    inline = {"type": "base64", "media_type": media_type, "data": data}
    return {"type": kind, "source": inline, **fields}


def file(data: str, name: str) -> dict[str, Any]:
    return {"type": "file", "file": {"filename": name, "file_data": data}}


IMAGE_URL = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
FAR_IMAGE = {"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}
FAR_PDF = {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}}
NOTE = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Hi."}}
UPLOADED = {"type": "document", "source": {"type": "file", "file_id": "file_1"}}

TO_OPENAI: dict[str, tuple[Any, Any]] = {
    "image": (source("image", "image/png", PNG), IMAGE_URL),
    "image at an address": (
        FAR_IMAGE,
        {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}},
    ),
    "PDF": (
        source("document", "application/pdf", PDF),
        file(f"data:application/pdf;base64,{PDF}", "document.pdf"),
    ),
    "titled PDF": (
        source("document", "application/pdf", PDF, title="a.pdf"),
        file(f"data:application/pdf;base64,{PDF}", "a.pdf"),
    ),
    "image as a document": (source("document", "IMAGE/png; q=1", PNG), IMAGE_URL),
    "text as a document": (NOTE, {"type": "text", "text": "Hi."}),
    "titled text": ({**NOTE, "title": "Note"}, {"type": "text", "text": "Note\n\nHi."}),
    "table in base64": (
        source("document", "text/csv", b64("a,b\n1,ü")),
        {"type": "text", "text": "a,b\n1,ü"},
    ),
    "JSON in base64": (
        source("document", "application/json", b64("{}")),
        {"type": "text", "text": "{}"},
    ),
    "text file": (
        file(f"data:text/plain;base64,{b64('Hi.')}", "a.txt"),
        {"type": "text", "text": "a.txt\n\nHi."},
    ),
    "text file by its name": (
        file(b64("Hi."), "a.txt"),
        {"type": "text", "text": "a.txt\n\nHi."},
    ),
}
#: What stays for the provider's codec to take or refuse.
LEFT = {
    "text": {"type": "text", "text": "Hi."},
    "image_url": IMAGE_URL,
    "PDF file": file(f"data:application/pdf;base64,{PDF}", "a.pdf"),
    "uploaded file": {"type": "file", "file": {"file_id": "file-1"}},
    "file of no type": {"type": "file", "file": {"file_data": PDF}},
    "document at an address": FAR_PDF,
    "uploaded document": UPLOADED,
    "source without data": {"type": "image", "source": {"type": "base64"}},
    "no source": {"type": "document"},
    "Google's": {"inline_data": {"mime_type": "image/png", "data": PNG}},
    "bare text": "Hi.",
    "a number": 5,
    "odd kind": {"type": ["image"]},
}


@pytest.mark.parametrize(("part", "expected"), TO_OPENAI.values(), ids=TO_OPENAI)
def test_parts_of_anthropics_are_put_into_openais_words(part: Any, expected: Any) -> None:
    assert openai_part(part, "p") == expected


@pytest.mark.parametrize("part", LEFT.values(), ids=LEFT)
def test_what_openai_has_no_other_word_for_stays(part: Any) -> None:
    assert openai_part(part, "p") == part


@pytest.mark.parametrize("part", LEFT.values(), ids=LEFT)
def test_what_anthropic_reads_itself_stays(part: Any) -> None:
    assert anthropic_part(part, "p") == part


@pytest.mark.parametrize(
    "part",
    [source("image", "image/png", PNG), source("document", "application/pdf", PDF), NOTE],
    ids=["image", "PDF", "text"],
)
def test_anthropics_own_parts_stay_for_anthropic(part: Any) -> None:
    assert anthropic_part({**part, **MARK}, "p") == {**part, **MARK}


def test_a_document_that_is_text_goes_to_anthropic_as_text() -> None:
    text = {"type": "text", "media_type": "text/plain", "data": "a,b"}
    told = anthropic_part(source("document", "text/csv", b64("a,b"), title="t", **MARK), "p")
    assert told == {"type": "document", "source": text, "title": "t", **MARK}
    told = anthropic_part({**file(b64("a,b"), "a.csv"), **MARK}, "p")
    assert told == {"type": "document", "source": text, "title": "a.csv", **MARK}


def test_a_document_that_is_an_image_goes_to_anthropic_as_an_image() -> None:
    told = anthropic_part(source("document", "image/png", PNG, **MARK), "p")
    assert told == source("image", "image/png", PNG, **MARK)


@pytest.mark.parametrize("convert", [openai_part, anthropic_part])
def test_a_text_that_is_none_is_named(convert: Any) -> None:
    part = source("document", "text/plain", "//8=")
    with pytest.raises(ValidationError, match=r"^messages\[0\] holds no UTF-8.*'text/plain'"):
        convert(part, "messages[0]")


def test_markers_reach_anthropic_alone() -> None:
    part = {"type": "text", "text": "Hi.", **MARK}
    messages: list[Any] = [
        {"role": "user", "content": [part], **MARK},
        {"role": "user", "content": "?"},
    ]
    plain = {"role": "user", "content": [{"type": "text", "text": "Hi."}]}
    assert openai_messages(messages) == [plain, messages[1]]
    assert openai_messages(messages, marked_parts=True)[0] == {"role": "user", "content": [part]}
    assert anthropic_messages(messages) == messages
    assert messages[0] == {"role": "user", "content": [part], **MARK}


def test_messages_of_text_alone_are_not_copied() -> None:
    messages: list[Any] = [
        {"role": "user", "content": "Hi."},
        {"role": "assistant", "content": None},
    ]
    assert openai_messages(messages) is messages
    assert anthropic_messages(messages) is messages


def test_errors_name_the_place_of_a_part() -> None:
    bad = [{"role": "user", "content": ["a", source("document", "text/plain", "*")]}]
    for convert in (openai_messages, anthropic_messages):
        with pytest.raises(ValidationError, match=r"^messages\[0\]\.content\[1\]"):
            convert(bad)


def test_tools_lose_their_markers() -> None:
    nested = {"type": "function", "function": {"name": "f", **MARK}, **MARK}
    assert unmarked_tools([nested, {"name": "g", **MARK}]) == [
        {"type": "function", "function": {"name": "f"}},
        {"name": "g"},
    ]
    assert unmarked_tools(None) is None

"""What becomes of content parts on their way to Anthropic."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from cloud.llm import InvalidRequestError
from tests.cloud.anthropic.asked import MARK, blocks

TEXT = {"type": "text", "text": "Hello!"}
PNG = "iVBORw0KGgo="
PDF = "JVBERi0xLjcK"
NOTE = base64.b64encode("Grüße".encode()).decode()


def image(url: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": url}


def file(data: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"file_data": data, **fields}}


def inline(kind: str, media_type: str, data: str) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


PARTS: dict[str, tuple[Any, Any]] = {
    "text": (TEXT, TEXT),
    "image": (image({"url": f"data:image/png;base64,{PNG}"}), inline("image", "image/png", PNG)),
    "image as text": (image(f"data:image/png;base64,{PNG}"), inline("image", "image/png", PNG)),
    "image in capitals": (
        image({"url": f"DATA:image/PNG;base64,{PNG}", "detail": "low"}),
        inline("image", "image/png", PNG),
    ),
    "image with a parameter": (
        image(f"data:image/png;charset=x;base64,{PNG}"),
        inline("image", "image/png", PNG),
    ),
    "image behind an address": (
        image({"url": "https://example.org/a.png"}),
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
    ),
    "image not in base64": (
        image("data:image/svg+xml,%3Csvg/%3E"),
        inline("image", "image/svg+xml", "PHN2Zy8+"),
    ),
    "pdf": (
        file(f"data:application/pdf;base64,{PDF}", filename="a.pdf"),
        {**inline("document", "application/pdf", PDF), "title": "a.pdf"},
    ),
    "pdf behind an address": (
        file("https://example.org/a.pdf"),
        {"type": "document", "source": {"type": "url", "url": "https://example.org/a.pdf"}},
    ),
    "text file": (
        file(f"data:text/markdown;base64,{NOTE}", filename="a.md"),
        {
            "type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": "Grüße"},
            "title": "a.md",
        },
    ),
    "image file": (file(f"data:image/png;base64,{PNG}"), inline("image", "image/png", PNG)),
    "uploaded file": (
        file(None, file_id="file_011CNha8iCJcU1wXNR6q4V8w"),
        {
            "type": "document",
            "source": {"type": "file", "file_id": "file_011CNha8iCJcU1wXNR6q4V8w"},
        },
    ),
    "uploaded image": (
        file(None, file_id="file_1", mime_type="image/png"),
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    ),
    "text of responses": ({"type": "output_text", "text": "a"}, {"type": "text", "text": "a"}),
    "image of responses": (
        {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"},
        inline("image", "image/png", PNG),
    ),
    "pdf by its ending": (
        file(PDF, filename="a.pdf"),
        {**inline("document", "application/pdf", PDF), "title": "a.pdf"},
    ),
    "refusal": ({"type": "refusal", "refusal": "No."}, {"type": "text", "text": "No."}),
    "anthropic's image": (
        inline("image", "image/png", PNG),
        inline("image", "image/png", PNG),
    ),
    "anthropic's document": (
        {**inline("document", "application/pdf", PDF), "citations": {"enabled": True}},
        {**inline("document", "application/pdf", PDF), "citations": {"enabled": True}},
    ),
    "a kind to come": ({"type": "hologram", "beam": 1}, {"type": "hologram", "beam": 1}),
}


@pytest.mark.parametrize(("part", "sent"), PARTS.values(), ids=PARTS)
def test_parts_become_blocks(part: Any, sent: Any) -> None:
    assert blocks([part]) == [sent]


@pytest.mark.parametrize(("part", "sent"), PARTS.values(), ids=PARTS)
def test_parts_keep_their_cache_markers(part: Any, sent: Any) -> None:
    if part["type"] != "refusal":  # which nobody marks
        assert blocks([{**part, "cache_control": MARK}, TEXT])[0] == {**sent, "cache_control": MARK}


def test_empty_texts_are_left_out() -> None:
    assert blocks([{"type": "text", "text": ""}, TEXT]) == [TEXT]


def test_bare_text_among_parts_is_a_part() -> None:
    assert blocks(["Hello!"]) == [TEXT]


WRONG: dict[str, tuple[Any, str]] = {
    "no dict": (5, "is no content part"),
    "no type": ({"text": "Hello!"}, "is no content part"),
    "text that is none": ({"type": "text", "text": 5}, r"text is a int"),
    "no text": ({"type": "text"}, r"text is missing"),
    "audio": ({"type": "input_audio", "input_audio": {}}, "'input_audio', which Anthropic does"),
    "video": ({"type": "video_url", "video_url": {}}, "'video_url', which Anthropic does"),
    "image in a file": (image({"url": "file:///etc/passwd"}), "cannot fetch"),
    "image without a type": (image(f"data:;base64,{PNG}"), "without a media type"),
    "no image": (image(None), "image_url has no 'url'"),
    "file that is none": ({"type": "file", "file": "a.pdf"}, r"\.file is a str"),
    "file without data": (file(None), "neither 'file_data' nor 'file_id'"),
    "file of a kind": (file("data:application/zip;base64,UEsDBA=="), "'application/zip'"),
    "text file in no UTF-8": (file("data:text/plain;base64,//8="), "no UTF-8 text in base64"),
    "text file in no base64": (file("data:text/plain;base64,äö"), "no UTF-8 text in base64"),
}


@pytest.mark.parametrize(("part", "problem"), WRONG.values(), ids=WRONG)
def test_what_has_no_form_is_named(part: Any, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=rf"messages\[0\]\.content\[1\].*{problem}"):
        blocks([TEXT, part])


def test_errors_do_not_show_what_a_data_url_holds() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        blocks([image("data:,SECRET")])
    assert "SECRET" not in str(caught.value)

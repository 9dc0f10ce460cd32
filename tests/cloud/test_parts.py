"""Content parts in OpenAI's words, as all codecs read them."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.llm.parts import (
    InlineData,
    file_content,
    guessed,
    inline_data,
    part_text,
    part_url,
    placed_parts,
)
from LLM.exceptions import InvalidRequestError

PNG = "iVBORw0KGgo="


def test_parts_stand_behind_their_places() -> None:
    parts = list(placed_parts(["a", {"type": "x"}, 5], "m.content"))
    text = {"type": "text", "text": "a"}
    assert parts == [("m.content[0]", text), ("m.content[1]", {"type": "x"}), ("m.content[2]", 5)]
    assert list(placed_parts("a", "m.content")) == [("m.content", text)]
    assert list(placed_parts(None, "m.content")) == []


@pytest.mark.parametrize("content", [5, {"type": "text"}, b"a"], ids=["number", "dict", "bytes"])
def test_content_that_is_none_is_named(content: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"^m\.content is a "):
        list(placed_parts(content, "m.content"))


def test_only_parts_that_are_text_have_one() -> None:
    assert part_text({"type": "refusal", "refusal": "No."}, "p") == "No."
    assert part_text({"type": "image_url", "text": "a"}, "p") is None
    assert part_text({"type": ["text"], "text": "a"}, "p") is None
    with pytest.raises(InvalidRequestError, match=r"^p\.refusal is missing"):
        part_text({"type": "refusal", "text": "No."}, "p")


@pytest.mark.parametrize(
    ("part", "url"),
    [
        ({"type": "image_url", "image_url": {"url": "u"}}, "u"),
        ({"type": "image_url", "image_url": "u"}, "u"),
        ({"type": "input_image", "image_url": "u"}, "u"),
        ({"type": "video_url", "video_url": {"url": "u"}}, "u"),
    ],
    ids=["chats", "bare", "responses", "video"],
)
def test_an_address_is_read_in_each_of_its_forms(part: Any, url: str) -> None:
    assert part_url(part, "p") == url


@pytest.mark.parametrize(
    ("url", "media_type", "data"),
    [
        (f"data:image/png;base64,{PNG}", "image/png", PNG),
        (f"DATA:image/PNG;charset=x;BASE64,{PNG}", "image/png", PNG),
        ("data:text/plain,a%20b", "text/plain", "YSBi"),
    ],
    ids=["base64", "capitals", "percent-encoded"],
)
def test_a_data_url_is_base64_of_a_type(url: str, media_type: str, data: str) -> None:
    assert inline_data(url, "p") == InlineData(media_type, data)


def test_what_is_no_data_url_is_an_address() -> None:
    assert inline_data("https://x.test/data:image/png;base64,AAAA", "p") is None


@pytest.mark.parametrize("url", ["data:;base64,S3CRET", "data:image/png;S3CRET"])
def test_a_broken_data_url_is_not_shown(url: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"^p is a data URL without") as caught:
        inline_data(url, "p")
    assert "S3CRET" not in str(caught.value)


def test_half_an_emoji_in_a_data_url_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match=r"^p holds a lone surrogate"):
        inline_data("data:text/plain,a\ud83d", "p")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ({"file_data": f"data:image/png;base64,{PNG}"}, InlineData("image/png", PNG)),
        ({"file_data": PNG, "filename": "a.b.PNG"}, InlineData("image/png", PNG)),
        ({"file_data": PNG, "format": "image/png"}, InlineData("image/png", PNG)),
        ({"file_data": "https://x.test/a.pdf", "filename": "a.pdf"}, "https://x.test/a.pdf"),
        ({"file_id": "file-1"}, None),
    ],
    ids=["data URL", "name", "format", "address", "uploaded"],
)
def test_a_file_is_content_an_address_or_a_name(file: Any, content: Any) -> None:
    assert file_content({"type": "file", "file": file}, "p") == content


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        (None, r"p\.file is missing"),
        ("a.pdf", r"p\.file is a str"),
        ({}, r"p\.file has neither"),
        ({"file_data": PNG}, r"p\.file tells no type"),
        ({"file_data": PNG, "filename": "//[::1/a"}, r"p\.file tells no type"),
        ({"file_data": "data:,x"}, r"p\.file\.file_data is a data URL without"),
    ],
    ids=["none", "text", "empty", "no type", "odd name", "broken"],
)
def test_a_file_that_is_none_is_named(file: Any, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        file_content({"type": "file", "file": file}, "p")


def test_text_is_utf_8_in_base64() -> None:
    assert InlineData("text/plain", "R3LDvMOfZQ==").text("p") == "Grüße"
    for data in ("//8=", "äö", "*"):
        with pytest.raises(InvalidRequestError, match=r"^p holds no UTF-8 text in base64"):
            InlineData("text/plain", data).text("p")


def test_a_type_is_guessed_from_the_last_segment_of_a_name() -> None:
    assert guessed("http://[::1/a.webp") == "image/webp"
    assert guessed("a") is guessed(None) is guessed(5) is None

"""What a server answers, as a model gets it."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from mcp import types

from llmring.mcp.client.results import prompt_messages, resource_contents, tool_result
from llmring.mcp.client.types import Limits

PNG = base64.b64encode(b"\x89PNG pixels").decode()


def result(*blocks: dict[str, Any], limits: Limits | None = None, **fields: Any) -> Any:
    found = types.CallToolResult.model_validate({"content": list(blocks), **fields})
    return tool_result(found, limits or Limits())


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def test_texts_are_one_text() -> None:
    assert result(text("one"), text("two")).content == "one\ntwo"


def test_nothing_is_an_empty_text() -> None:
    assert result().content == ""


def test_a_failure_is_told() -> None:
    assert result(text("no"), isError=True).is_error


def test_structured_content_is_kept_beside_the_text() -> None:
    found = result(text("5"), structuredContent={"sum": 5})
    assert (found.content, found.structured) == ("5", {"sum": 5})


def test_structured_content_alone_is_told_as_json() -> None:
    assert result(structuredContent={"word": "é"}).content == '{"word": "é"}'


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a\x1b[2Jb", "a\ufffd[2Jb"),
        ("bell\x07", "bell\ufffd"),
        ("\x9b31m", "\ufffd31m"),
        ("tab\tline\r\n", "tab\tline\r\n"),
        ("naïve 🙂", "naïve 🙂"),
    ],
    ids=["escape", "bell", "c1", "layout", "letters"],
)
def test_characters_that_steer_a_terminal_are_replaced(said: str, shown: str) -> None:
    assert result(text(said)).content == shown


def test_a_long_text_is_cut_between_characters_and_says_so() -> None:
    found = result(text("é" * 100), limits=Limits(text_bytes=11)).content
    assert found == "é" * 5 + "\n[cut: the first 11 of 200 bytes]"


def test_all_texts_share_the_limit() -> None:
    found = result(text("a" * 8), text("b" * 8), text("c"), limits=Limits(text_bytes=10)).content
    assert found == "a" * 8 + "\nbb\n[cut: the first 2 of 8 bytes]"


def test_an_empty_image_is_left_out() -> None:
    found = result({"type": "image", "data": "", "mimeType": "image/png"}).content
    assert found == "[image: left out, it cannot be read]"


def test_more_images_than_a_request_takes_are_left_out() -> None:
    image = {"type": "image", "data": PNG, "mimeType": "image/png"}
    found = result(*[image] * 101).content
    assert [part["type"] for part in found] == ["image_url"] * 100 + ["text"]
    assert found[-1] == text("[image, image/png: left out, too many]")


def test_an_image_is_a_part() -> None:
    found = result(text("see"), {"type": "image", "data": PNG, "mimeType": "image/png"})
    url = f"data:image/png;base64,{PNG}"
    assert found.content == [text("see"), {"type": "image_url", "image_url": {"url": url}}]


@pytest.mark.parametrize(("mime_type", "name"), [("audio/wav", "wav"), ("audio/mpeg", "mp3")])
def test_audio_is_a_part(mime_type: str, name: str) -> None:
    (part,) = result({"type": "audio", "data": PNG, "mimeType": mime_type}).content
    assert part == {"type": "input_audio", "input_audio": {"data": PNG, "format": name}}


def resource(**contents: Any) -> dict[str, Any]:
    return {"type": "resource", "resource": {"uri": "file:///a/b.pdf", **contents}}


def test_a_pdf_is_a_file() -> None:
    (part,) = result(resource(blob=PNG, mimeType="application/pdf")).content
    url = f"data:application/pdf;base64,{PNG}"
    assert part == {"type": "file", "file": {"filename": "b.pdf", "file_data": url}}


def test_a_files_name_is_bounded() -> None:
    block = resource(blob=PNG, mimeType="application/pdf", uri="file:///" + "x" * 5000 + ".pdf")
    (part,) = result(block).content
    assert part["file"]["filename"] == "x" * 196 + ".pdf"


def test_the_text_of_a_resource_is_text() -> None:
    assert result(resource(text="inside", mimeType="text/plain")).content == "inside"


@pytest.mark.parametrize(
    ("block", "note"),
    [
        ({"type": "audio", "data": PNG, "mimeType": "audio/ogg"}, "[audio, audio/ogg, 12 bytes"),
        (resource(blob=PNG, mimeType="application/zip"), "[resource file:///a/b.pdf, applicat"),
        ({"type": "image", "data": "!!", "mimeType": "image/png"}, "[image: left out, it cannot"),
        ({"type": "image", "data": PNG, "mimeType": "image/<x>"}, "[image: left out, it cannot"),
        (
            {"type": "resource_link", "uri": "file:///c", "name": "c", "description": "a letter"},
            "[resource file:///c c: a letter]",
        ),
    ],
    ids=["ogg", "zip", "no base64", "no media type", "link"],
)
def test_what_no_model_reads_is_named_in_its_place(block: dict[str, Any], note: str) -> None:
    assert result(block).content.startswith(note)


def test_data_shares_a_limit() -> None:
    image = {"type": "image", "data": PNG, "mimeType": "image/png"}
    first, second = result(image, image, limits=Limits(data_bytes=20)).content
    assert first["type"] == "image_url"
    assert second == text("[image, image/png, 12 bytes: left out, too large]")


def test_a_prompt_is_messages() -> None:
    found = types.GetPromptResult.model_validate(
        {
            "messages": [
                {"role": "user", "content": text("Look\x1b")},
                {
                    "role": "assistant",
                    "content": {"type": "image", "data": PNG, "mimeType": "image/png"},
                },
            ]
        }
    )
    first, second = prompt_messages(found, Limits())
    assert (first.role, first.content) == ("user", "Look\ufffd")
    assert second.content[0]["type"] == "image_url"  # type: ignore[index]


def contents(*held: dict[str, Any], limits: Limits | None = None) -> Any:
    found = types.ReadResourceResult.model_validate({"contents": list(held)})
    return resource_contents(found, limits or Limits())


def test_a_resource_is_text_or_bytes() -> None:
    first, second = contents({"uri": "a:b", "text": "x\x00"}, {"uri": "a:c", "blob": PNG})
    assert (first.text, first.data) == ("x\ufffd", None)
    assert (second.text, second.data) == (None, b"\x89PNG pixels")


def test_a_long_resource_is_cut() -> None:
    (found,) = contents({"uri": "a:b", "text": "x" * 100}, limits=Limits(text_bytes=3))
    assert found.text == "xxx\n[cut: the first 3 of 100 bytes]"


@pytest.mark.parametrize(
    ("blob", "problem"), [("!", "no base64"), (PNG, "larger than 5 bytes")], ids=["no", "large"]
)
def test_bytes_that_cannot_be_taken_are_an_error(blob: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        contents({"uri": "a:b", "blob": blob}, limits=Limits(data_bytes=5))

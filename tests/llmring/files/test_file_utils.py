"""Contents of messages are made of files, in the shapes that all providers take."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import llmring
from llmring import (
    FileProcessingError,
    FileSizeError,
    analyze_image,
    compare_images,
    create_base64_image_content,
    create_data_url,
    create_image_content,
    create_multi_image_content,
    encode_file_to_base64,
    extract_text_from_image,
    file_utils,
    get_file_mime_type,
    validate_image_file,
)
from llmring.file_utils import analyze_file, create_file_content
from tests.llmring.files.contents import GIF, JPEG, PDF, PNG, WEBP, encoded

URL = f"data:image/png;base64,{encoded(PNG)}"
IMAGE = {"type": "image_url", "image_url": {"url": URL}}


@pytest.fixture(autouse=True)
def png(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "shot.png"
    path.write_bytes(PNG)
    return path


def document(data: bytes, media_type: str) -> dict[str, Any]:
    source = {"type": "base64", "media_type": media_type, "data": encoded(data)}
    return {"type": "document", "source": source}


def test_a_file_is_encoded_as_it_is() -> None:
    assert encode_file_to_base64("shot.png") == encoded(PNG)
    assert create_data_url("shot.png") == URL
    Path("empty.txt").touch()
    assert (encode_file_to_base64("empty.txt"), create_data_url("empty.txt")) == (
        "",
        "data:text/plain;base64,",
    )


@pytest.mark.parametrize("source", ["shot.png", Path("shot.png"), URL], ids=["text", "Path", "url"])
def test_an_image_is_named_in_several_ways(source: Any) -> None:
    assert create_image_content(source) == [IMAGE]
    assert create_image_content(source, "Look") == [{"type": "text", "text": "Look"}, IMAGE]


def test_base64_is_told_from_paths() -> None:
    assert create_image_content(encoded(PNG), mime_type="image/png") == [IMAGE]
    (part,) = create_image_content(encoded(JPEG))
    assert part["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/")


@pytest.mark.parametrize("path", ["x.png", "shotpngs", "/9j/abcd/", "a" * 400, "b" * 9000, ""])
def test_what_is_no_file_is_refused_by_its_name(path: str) -> None:
    with pytest.raises(FileProcessingError) as caught:
        create_file_content(path)
    assert len(str(caught.value)) < 400


def test_prompts_have_defaults_and_come_first() -> None:
    assert analyze_image("shot.png") == [{"type": "text", "text": "Analyze this image"}, IMAGE]
    assert analyze_image("shot.png", "What's this?")[0]["text"] == "What's this?"
    assert "text" in extract_text_from_image("shot.png")[0]["text"]
    two = {"data": encoded(PNG), "mime_type": "image/png"}
    assert compare_images("shot.png", two) == [
        {"type": "text", "text": "Compare these images"},
        IMAGE,
        IMAGE,
    ]
    assert analyze_file("shot.png")[0]["type"] == "text"


def test_several_images_follow_their_text() -> None:
    assert create_multi_image_content(["shot.png", URL]) == [IMAGE, IMAGE]
    text, *images = create_multi_image_content([Path("shot.png")], "Both")
    assert (text["text"], images) == ("Both", [IMAGE])


def test_base64_of_an_image_keeps_its_type() -> None:
    text, image = create_base64_image_content(encoded(PNG), "image/png", "Look")
    assert (text["text"], image) == ("Look", IMAGE)
    (part,) = create_base64_image_content("AAAA")
    assert part["image_url"]["url"] == "data:image/jpeg;base64,AAAA"


def test_a_file_that_is_no_image_becomes_a_document() -> None:
    Path("a.pdf").write_bytes(PDF)
    Path("a.csv").write_bytes(b"a,b\n")
    assert create_file_content("a.pdf") == [document(PDF, "application/pdf")]
    assert analyze_file("a.csv", "Sum up")[1] == document(b"a,b\n", "text/csv")
    assert create_file_content(encoded(PDF), mime_type="application/pdf") == [
        document(PDF, "application/pdf")
    ]
    assert create_file_content("shot.png") == [IMAGE]


@pytest.mark.parametrize(
    ("name", "data", "media_type"),
    [
        ("a.png", PNG, "image/png"),
        ("a.png", JPEG, "image/jpeg"),
        ("a", GIF, "image/gif"),
        ("a.dat", WEBP, "image/webp"),
        ("a.txt", PDF, "application/pdf"),
        ("a.md", b"# A", "text/markdown"),
        ("A.CSV", b"a", "text/csv"),
        ("a.ts", b"let a", "text/plain"),
        ("a.csv.gz", b"", "application/gzip"),
        ("a.unheard", b"?", "application/octet-stream"),
    ],
)
def test_the_type_is_what_the_content_says_else_the_name(
    name: str, data: bytes, media_type: str
) -> None:
    Path(name).write_bytes(data)
    assert get_file_mime_type(name) == media_type
    assert validate_image_file(name) == media_type.startswith("image/")


def test_files_that_are_not_there_have_a_type_by_name_and_are_no_images() -> None:
    assert get_file_mime_type("later.pdf") == "application/pdf"
    assert not validate_image_file("later.png")
    Path("text.png").write_text("no image")
    assert not validate_image_file("text.png")


WRONG: dict[str, Callable[[], Any]] = {
    "no base64": lambda: create_base64_image_content("not base64"),
    "no text": lambda: create_base64_image_content(b"AAAA"),  # type: ignore[arg-type]  # wrong
    "empty base64": lambda: create_base64_image_content(""),
    "no image": lambda: create_image_content("data:text/plain;base64,AAAA"),
    "data URL without type": lambda: create_image_content("data:,x"),
    "data URL without base64": lambda: create_image_content("data:image/png;base64,*"),
    "base64 without type": lambda: create_file_content(encoded(PDF)),
    "one image": lambda: create_multi_image_content("shot.png"),
    "dict without data": lambda: create_multi_image_content([{"mime_type": "image/png"}]),
    "number": lambda: create_image_content(3),  # type: ignore[arg-type]  # that is the test
    "folder": lambda: create_data_url("."),
}


@pytest.mark.parametrize("make", WRONG.values(), ids=WRONG)
def test_what_cannot_be_used_is_refused(make: Callable[[], Any]) -> None:
    with pytest.raises(FileProcessingError, match=r"give|see"):
        make()


def test_an_empty_file_is_no_content() -> None:
    Path("empty.png").touch()
    with pytest.raises(FileProcessingError, match="empty"):
        create_image_content("empty.png")


def test_a_file_too_large_for_a_request_is_refused_unread() -> None:
    with open("large.png", "wb") as file:
        file.truncate(51 * 1024**2)
    with pytest.raises(FileSizeError, match="register_file"):
        create_image_content("large.png")


def test_addresses_are_handed_on_only_where_they_are_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "https://example.org/a.png?v=1"
    with pytest.raises(FileProcessingError, match="LLMRING_ALLOW_REMOTE_URLS") as caught:
        create_image_content(url)
    assert "example.org" not in str(caught.value)
    monkeypatch.setenv("LLMRING_ALLOW_REMOTE_URLS", "true")
    part = {"type": "image_url", "image_url": {"url": url}}
    assert create_image_content(url) == create_file_content(url) == [part]
    source = {"type": "url", "url": "https://example.org/a.pdf"}
    assert create_file_content(source["url"]) == [{"type": "document", "source": source}]


@pytest.mark.parametrize(
    "url",
    ["https://me:pw@example.org/", "http://a\\@b/", "http://[::", "https://", "http://a b", "http://a:x"],
)  # fmt: skip
def test_addresses_that_parsers_may_read_differently_are_refused(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMRING_ALLOW_REMOTE_URLS", "1")
    with pytest.raises(FileProcessingError, match="web address"):
        create_image_content(url)


def test_the_utilities_are_where_users_import_them() -> None:
    inner = {"analyze_file", "create_file_content"}
    assert inner < set(file_utils.__all__)
    assert set(file_utils.__all__) - inner <= set(llmring.__all__)


@pytest.mark.parametrize(
    "mime_type", [5, "x", "image/png\r\nX: y", "image/"], ids=["int", "word", "lines", "half"]
)
@pytest.mark.parametrize("make", [create_image_content, create_file_content])
def test_a_type_that_is_none_is_refused(make: Callable[..., Any], mime_type: Any) -> None:
    with pytest.raises(FileProcessingError, match="give a media type, such as 'image/png'"):
        make(encoded(PNG), mime_type=mime_type)


def test_types_are_written_in_any_case() -> None:
    assert create_image_content(encoded(PNG), mime_type="IMAGE/PNG") == [IMAGE]


def test_a_text_that_is_none_is_refused() -> None:
    wrong: Any = 5
    with pytest.raises(FileProcessingError, match="beside a file is a int; give text"):
        analyze_image("shot.png", wrong)


def test_only_a_path_has_a_type() -> None:
    wrong: Any = None
    with pytest.raises(FileProcessingError, match="NoneType was given where a file's path"):
        get_file_mime_type(wrong)

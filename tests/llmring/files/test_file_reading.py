"""Only files that may be read are read, whatever a path leads to."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from llmring.exceptions import ConfigurationError, FileProcessingError, FileSizeError
from llmring.files import reading
from llmring.files.reading import open_file
from llmring.files.rules import FileRules


def read(path: str | Path, **rules: object) -> bytes:
    with open_file(path, FileRules(**rules)) as file:  # type: ignore[arg-type]  # of FileRules
        return file.read()


def refusal(path: str | Path, **rules: object) -> str:
    with pytest.raises(FileProcessingError) as caught:
        read(path, **rules)
    return caught.value.message


def test_a_file_is_read_by_any_path_that_leads_to_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_bytes(b"hi")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for path in ("a/b.txt", "a/../a/b.txt", "link/b.txt"):
        assert read(tmp_path / path, roots=(str(tmp_path),)) == b"hi"


@pytest.mark.parametrize("path", ["/etc/passwd", "/proc/self/environ", "/dev/zero", "/dev/stdin"])
def test_the_systems_folders_are_out_of_bounds(path: str) -> None:
    assert "may not be read" in refusal(path) or "is a" in refusal(path)


@pytest.mark.parametrize(
    "name", [".ssh/id_rsa", ".aws/credentials", ".env", ".env.llmring", "x/.netrc"]
)
def test_places_of_keys_are_out_of_bounds_below_a_root_too(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("secret")
    assert "keys lie" in refusal(path)
    assert "keys lie" in refusal(path, roots=(str(tmp_path),))
    if name == ".ssh/id_rsa":
        assert read(path, roots=(str(path.parent),)) == b"secret"


@pytest.mark.parametrize(
    "path",
    ["/home/ada/.SSH/id_rsa", "/home/ada/.Env.local", "/ETC/passwd",
     "/home/ada/.\N{LATIN SMALL LETTER LONG S}sh/id_rsa"],
)  # fmt: skip
def test_no_spelling_leads_to_keys_where_a_disk_ignores_case(path: str) -> None:
    assert FileRules().objection(path) is not None


def test_what_lies_outside_the_roots_is_refused(tmp_path: Path) -> None:
    inside, outside = tmp_path / "docs", tmp_path / "docs-private"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "a.txt").write_text("hi")
    rules = {"roots": (str(inside),)}
    assert read(inside / "a.txt", **rules) == b"hi"
    assert "LLMRING_FILE_ROOTS" in refusal(outside / "a.txt", **rules)
    assert "LLMRING_FILE_ROOTS" in refusal(inside / "../docs-private/a.txt", **rules)
    assert "LLMRING_FILE_ROOTS" in refusal("/etc/passwd", **rules)


def test_a_link_out_of_the_roots_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc/passwd")
    (tmp_path / "etc").symlink_to("/etc")
    for path in ("out", "etc/passwd"):
        assert "may not be read" in refusal(tmp_path / path)
        assert "LLMRING_FILE_ROOTS" in refusal(tmp_path / path, roots=(str(tmp_path),))


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "a")
    assert "cannot be read" in refusal(tmp_path / "a")


def test_a_link_that_appears_after_the_check_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "passwd").write_text("harmless")
    judged = FileRules.objection

    def judge_and_swap(rules: FileRules, real_path: str) -> str | None:
        answer = judged(rules, real_path)
        docs.rename(tmp_path / "old")
        docs.symlink_to("/etc")
        return answer

    monkeypatch.setattr(FileRules, "objection", judge_and_swap)
    assert "cannot be read" in refusal(docs / "passwd")


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


SPECIAL: dict[str, Callable[[Path], None]] = {
    "a pipe": make_pipe,
    "a socket": make_socket,
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_what_is_no_file_is_never_opened(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    SPECIAL[kind](Path("special"))
    assert refusal("special") == f"{str(tmp_path / 'special')!r} is {kind}; give a file"


def test_a_device_is_refused_where_its_folder_is_a_root() -> None:
    assert refusal("/dev/zero", roots=("/dev",)) == "'/dev/zero' is a device; give a file"


def test_a_pipe_that_takes_a_files_place_is_refused_without_a_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hi")

    def check_and_swap(found: os.stat_result, real: str) -> None:
        check_kind(found, real)
        path.unlink()
        os.mkfifo(path)

    check_kind = reading._check_kind
    monkeypatch.setattr(reading, "_check_kind", check_and_swap)
    assert refusal(path) == f"{str(path)!r} is a pipe; give a file"


def test_a_sparse_file_of_two_gigabytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2 * 1024**3)
    with pytest.raises(FileSizeError, match=r"2,147,483,648.*LLMRING_MAX_FILE_SIZE_BYTES"):
        read(path)


@pytest.mark.parametrize("change", [b"longer than before", b"x"], ids=["grown", "shrunk"])
def test_a_file_that_changes_its_size_while_it_is_read_is_refused(
    change: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"before")
    with open_file(path, FileRules()) as file:
        path.write_bytes(change)
        with pytest.raises(FileProcessingError, match="has changed"):
            file.read()


def test_a_folder_that_may_only_be_passed_through_is_no_obstacle(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    (folder / "a.txt").write_bytes(b"hi")
    folder.chmod(0o111)
    try:
        assert read(folder / "a.txt") == b"hi"
    finally:
        folder.chmod(0o755)


def test_the_environment_says_what_may_be_read(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    environ = {
        "LLMRING_FILE_ROOTS": os.pathsep.join([str(tmp_path / "link"), ""]),
        "LLMRING_MAX_FILE_SIZE_BYTES": "1000",
        "LLMRING_ALLOW_REMOTE_URLS": "yes",
        "LLMRING_MAX_DOWNLOAD_SIZE_BYTES": "10",
    }
    assert FileRules.read(environ) == FileRules((str(tmp_path),), 1000, True, 10)
    assert FileRules.read({}) == FileRules()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLMRING_FILE_ROOTS", "/no/such/folder"),
        ("LLMRING_MAX_FILE_SIZE_BYTES", "1 GB"),
        ("LLMRING_MAX_DOWNLOAD_SIZE_BYTES", "-1"),
        ("LLMRING_ALLOW_REMOTE_URLS", "maybe"),
    ],
)
def test_a_variable_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        FileRules.read({name: value})


def test_an_example_of_an_environment_is_read(tmp_path: Path) -> None:
    path = tmp_path / ".env.example"
    path.write_text("KEY=")
    with open_file(path, FileRules()) as opened:
        assert opened.read() == b"KEY="

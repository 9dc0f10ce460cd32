"""The file: readable, complete after a kill, its owner's alone, and refused where it is wrong."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LLM import LLM, CassetteError, LLMConfig, LLMConfigError, cassette
from LLM.cassettes import file as files
from LLM.cassettes.contents import bytes_of, content_of, piece_bytes, piece_of
from LLM.cassettes.interactions import Interaction
from LLM.cassettes.scrubbing import NO_KEYS
from LLM.upload import StreamedBody
from tests.cassettes.conftest import DONE, HELLO, NOWHERE, event, lines, saying
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, hang

Serve = Callable[..., ScriptedServer]


def ask(url: str, **fields: Any) -> str:
    with LLM(LLMConfig(base_url=url, max_retries=0)) as llm:
        return llm.chat_completion(HELLO, **fields).text


@pytest.fixture
def recorded(serve: Serve, file: Path) -> Path:
    """A cassette with two answers."""
    url = serve(wire.answer(saying("0")), wire.answer(saying("1"))).url
    with cassette(file):
        ask(url), ask(url)
    return file


def test_a_line_is_an_interaction_in_plain_json(recorded: Path) -> None:
    header, first, _ = map(json.loads, recorded.read_text("utf-8").splitlines())
    assert header["cassette"] == 1
    assert header["program"].startswith("llm-kit ")
    assert first["request"]["body"]["messages"] == HELLO
    assert first["response"]["body"] == saying("0")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_new_file_is_its_owners_alone_and_an_old_one_stays_as_it_was(
    recorded: Path, serve: Serve
) -> None:
    assert stat.S_IMODE(recorded.stat().st_mode) == 0o600
    recorded.chmod(0o644)
    with cassette(recorded, "all"):
        ask(serve(wire.answer(saying("2"))).url)
    assert stat.S_IMODE(recorded.stat().st_mode) == 0o644


def test_a_block_without_calls_leaves_no_file(file: Path) -> None:
    with cassette(file):
        assert file.exists()
    assert not file.exists()


KILLED = """
import sys
from LLM import LLM, LLMConfig, cassette
with cassette(sys.argv[2]), LLM(LLMConfig(base_url=sys.argv[1])) as llm:
    for seed in range(2):
        llm.chat_completion([{"role": "user", "content": "Hello?"}], seed=seed)
    stream = llm.chat_completion([{"role": "user", "content": "Hello?"}], stream=True)
    print(next(stream).choices[0].delta.content, flush=True)
    next(stream)
"""


def test_a_program_that_is_killed_leaves_what_was_complete(serve: Serve, file: Path) -> None:
    replies = [wire.answer(saying(str(i))) for i in range(2)]
    server = serve(*replies, [wire.UNTIL_CLOSE, event("a"), hang])
    command = [sys.executable, "-c", KILLED, server.url, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "a\n"
        program.send_signal(signal.SIGKILL)
    assert len(lines(file)) == 2
    with cassette(file, strict=True, pace=0):
        assert [ask(NOWHERE, seed=1), ask(NOWHERE, seed=0)] == ["1", "0"]


def test_half_a_line_at_the_end_is_passed_over_and_written_over(
    recorded: Path, serve: Serve
) -> None:
    whole = recorded.read_bytes()
    recorded.write_bytes(whole + b'{"number": 2, "requ')
    with cassette(recorded, "new_episodes", pace=0):
        assert [ask(NOWHERE), ask(NOWHERE)] == ["0", "1"]
        assert ask(serve(wire.answer(saying("2"))).url) == "2"
    assert recorded.read_bytes().startswith(whole)
    assert [one["number"] for one in lines(recorded)] == [0, 1, 2]


def test_a_header_alone_is_a_cassette_that_nobody_has_recorded(file: Path, serve: Serve) -> None:
    file.parent.mkdir()
    file.write_text('{"cassette": 1}\n', "utf-8")
    with cassette(file):
        ask(serve(wire.answer(saying("0"))).url)
    assert len(lines(file)) == 1


STRANGE = (
    '{"number": 0, "seconds": 0, "request": {"method": "GET", "url": "http://x"}, '
    '"error": {"type": "SystemExit", "message": ""}}'
)


def changed(recorded: Path, line: int, text: str) -> None:
    whole = recorded.read_text("utf-8").splitlines()
    whole[line] = text
    recorded.write_text("\n".join(whole) + "\n", "utf-8")


@pytest.mark.parametrize(
    ("line", "text", "told"),
    [
        (0, '{"cassette": 2}', "has format 2, and this program reads 1"),
        (0, "interactions:", "is no cassette"),
        (0, "[1]", "is no cassette"),
        (1, "{", "line 2 of the cassette"),
        (1, '{"number": 0, "seconds": 0, "request": {}}', "line 2 of the cassette"),
        (1, '{"number": 0, "seconds": 0, "request": {"method": "GET", "url": "http://x"}}',
         "no interaction"),
        (2, STRANGE, "line 3 of the cassette"),
    ],
    ids=["format", "no JSON", "no object", "broken", "empty", "no outcome", "strange error"],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_by_its_line(
    recorded: Path, line: int, text: str, told: str
) -> None:
    changed(recorded, line, text)
    with pytest.raises(CassetteError, match=told):
        cassette(recorded).__enter__()


def test_a_place_where_no_file_can_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CassetteError, match="cannot"):
        cassette(tmp_path / "file" / "x.jsonl").__enter__()
    with pytest.raises(CassetteError, match="is no file"):
        cassette(tmp_path).__enter__()


def test_a_disk_that_is_full_fails_the_block_and_not_the_call(
    file: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    tape = cassette(file)
    tape.__enter__()

    def full(handle: int, data: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "write", full)
    assert ask(serve(wire.answer(saying("0"))).url) == "0"
    with pytest.raises(CassetteError, match="No space left"):
        tape.__exit__(None, None, None)


def test_nothing_follows_a_line_that_was_half_written(
    file: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, [1_000_000, 50, 0]

    def nearly_full(handle: int, data: Any) -> int:
        if not (n_bytes := room.pop(0) if room else len(data)):
            raise OSError(28, "No space left on device")
        return write(handle, data[:n_bytes])

    url = serve(wire.answer(saying("0"))).url
    tape = cassette(file)
    tape.__enter__()
    monkeypatch.setattr(files.os, "write", nearly_full)
    ask(url), ask(url), ask(url)
    with pytest.raises(CassetteError, match="No space left"):
        tape.__exit__(None, None, None)
    assert [one["response"]["body"] for one in whole_lines(file)] == [saying("0")]


def test_what_no_line_can_hold_fails_the_block_and_not_the_call(
    file: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_deep(line: Any) -> str:
        raise RecursionError("maximum recursion depth exceeded")

    tape = cassette(file)
    tape.__enter__()
    url = serve(wire.answer(saying("0")), wire.answer(saying("1"))).url
    with monkeypatch.context() as patch:
        patch.setattr(files, "line_of", too_deep)
        assert ask(url) == "0"
    assert ask(url) == "1"
    with pytest.raises(CassetteError, match="RecursionError"):
        tape.__exit__(None, None, None)
    assert [one["response"]["body"] for one in whole_lines(file)] == [saying("1")]


def whole_lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_bytes().split(b"\n")[1:-1]]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
@pytest.mark.parametrize("mode", ["once", "all", "none"])
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path, mode: Any) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CassetteError, match="is no file"):
        cassette(tmp_path / "pipe", mode).__enter__()


@pytest.mark.parametrize(
    "path", [None, 5, b"name", "a\0b", "\ud800", ""], ids=lambda path: ascii(path)
)
def test_a_path_that_can_name_no_file_is_refused(path: Any) -> None:
    with pytest.raises(LLMConfigError, match="path is"):
        cassette(path)


REQUEST = {"method": "POST", "url": "http://a/"}
DAMAGED = {
    "no method": {"request": {"url": "http://a/"}},
    "no address": {"request": {"method": "POST", "url": 5}},
    "an address that is none": {"request": {"method": "POST", "url": "http://[::1"}},
    "time without end": {"seconds": float("inf")},
    "a number without end": {"number": float("inf")},
    "a status without end": {"response": {"status": float("inf"), "headers": {}}},
    "a header that is no text": {"response": {"status": 200, "headers": {"x": 5}}},
    "a text that is none": {"response": {"status": 200, "headers": {}, "text": ["a"]}},
    "pieces that are none": {"response": {"status": 200, "headers": {}, "stream": "ab"}},
    "an error of another tree": {"response": None, "error": {"type": "Any", "message": "x"}},
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED)
def test_an_interaction_that_cannot_be_replayed_is_refused(
    damage: dict[str, Any], file: Path
) -> None:
    line = {"number": 0, "request": REQUEST, "seconds": 1,
            "response": {"status": 200, "headers": {}}, **damage}  # fmt: skip
    file.parent.mkdir()
    file.write_text(f'{{"cassette": 1}}\n{json.dumps(line)}\n', "utf-8")
    with pytest.raises(CassetteError, match="line 2 of"):
        cassette(file).__enter__()


BODIES = {
    "object": b'{"b": 1.5, "a": ["\\u00e4", null, 12345678901234567890]}',
    "string": b'"text"',
    "text": "ä plain text".encode(),
    "empty": b"",
    "no UTF-8": b"\xff\xfe\x00",
    "half a pair": b'"\\ud83d"',
    "infinite": b'{"logprob": -Infinity}',
    "too large": b'{"logprob": 1e999}',
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_bodies_come_back_as_they_were(body: bytes) -> None:
    fields = json.loads(files.line_of(content_of(body, NO_KEYS)))
    again = bytes_of(fields)
    assert again == body or json.loads(again) == json.loads(body)


def test_a_piece_that_ends_within_a_character_comes_back_as_it_was() -> None:
    pieces = [b"data: \xc3", b"\xa4\n\n"]
    assert [piece_bytes(json.loads(json.dumps(piece_of(one)))) for one in pieces] == pieces


def test_of_an_upload_only_size_and_kind_are_kept() -> None:
    body = StreamedBody(lambda: iter([b"secret"]), 6, "multipart/form-data; boundary=x")
    told = {"upload": {"size_bytes": 6, "content_type": "multipart/form-data"}}
    assert content_of(body, NO_KEYS) == told


def test_requests_that_end_out_of_order_replay_in_the_order_they_were_sent(
    file: Path, serve: Serve
) -> None:
    url = serve(wire.stream_answer(event("0", "stop") + DONE),
                wire.stream_answer(event("1", "stop") + DONE)).url  # fmt: skip
    with cassette(file), LLM(LLMConfig(base_url=url)) as llm:
        first, second = (llm.chat_completion(HELLO, stream=True) for _ in range(2))
        assert (second.response.text, first.response.text) == ("1", "0")
    assert [one["number"] for one in lines(file)] == [1, 0]
    with cassette(file, pace=0), LLM(LLMConfig(base_url=NOWHERE)) as llm:
        streams = [llm.chat_completion(HELLO, stream=True) for _ in range(2)]
        assert [stream.response.text for stream in streams] == ["0", "1"]


def test_a_stream_that_is_open_at_the_end_of_the_block_is_written_as_left(
    file: Path, serve: Serve
) -> None:
    script = [wire.UNTIL_CLOSE, event("a"), hang]
    with LLM(LLMConfig(base_url=serve(script).url)) as llm:
        with cassette(file):
            stream = llm.chat_completion(HELLO, stream=True)
            next(stream)
        assert lines(file)[0]["response"]["end"] == "left"
        stream.close()
    assert len(lines(file)) == 1
    assert os.path.getsize(file) > 0


def interaction(number: int) -> Interaction:
    request = {"method": "GET", "url": "http://x/"}
    return Interaction(number, request, 0.0, {"status": 200, "headers": {}, "text": "a"})


def test_two_programs_that_begin_a_file_at_once_record_into_it_both(file: Path) -> None:
    header = json.dumps({"cassette": files.FORMAT}) + "\n"
    line = json.dumps(interaction(0).line()) + "\n"
    file.parent.mkdir(exist_ok=True)
    file.write_text(header + header + line, "utf-8")
    assert [one.number for one in files.read(file)] == [0]


def test_who_records_nothing_leaves_what_another_program_has_recorded(file: Path) -> None:
    idle, other = files.Writer(file, fresh=False), files.Writer(file, fresh=False)
    other.append(interaction(0))
    idle.close()
    other.close()
    assert len(files.read(file)) == 1


def test_who_begins_cuts_off_no_line_of_another_program(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = files.Writer(file, fresh=False)
    read_bytes = Path.read_bytes

    def read_then_overtaken(path: Path) -> bytes:
        data = read_bytes(path)
        other.append(interaction(0))
        return data

    monkeypatch.setattr(Path, "read_bytes", read_then_overtaken)
    files.Writer(file, fresh=False).close()
    monkeypatch.undo()
    other.close()
    assert len(files.read(file)) == 1


def test_who_begins_at_the_same_moment_cuts_off_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others: list[files.Writer] = []

    def read_then_overtaken(path: Path) -> bytes:
        monkeypatch.undo()
        data = path.read_bytes()
        others.append(files.Writer(file, fresh=False))
        others[0].append(interaction(0))
        return data

    monkeypatch.setattr(Path, "read_bytes", read_then_overtaken)
    files.Writer(file, fresh=False).close()
    others[0].close()
    assert len(files.read(file)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows removes no file that is open")
def test_what_is_recorded_after_another_program_took_its_file_away_is_kept(file: Path) -> None:
    idle, other = files.Writer(file, fresh=False), files.Writer(file, fresh=False)
    idle.close()
    other.append(interaction(0))
    other.close()
    assert len(files.read(file)) == 1


def test_what_ends_after_the_file_was_closed_goes_into_no_other_file(
    file: Path, tmp_path: Path
) -> None:
    writer = files.Writer(file, fresh=False)
    writer.close()
    # The system gives the lowest number that is free: the one that was just closed.
    with open(tmp_path / "other", "wb"):
        writer.append(interaction(0))
    assert (tmp_path / "other").read_bytes() == b""

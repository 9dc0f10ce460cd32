"""What ``LLM_DEBUG`` shows of calls: everything that goes over the wire, and no key."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from LLM import LLM, AsyncLLM, LLMConfig, LLMConfigError, LLMError, debug, wire
from LLM.transcript.output import open_output
from tests.remote.scripted_server import ScriptedServer, close
from tests.remote.wire import answer, chunk, event

HELLO = [{"role": "user", "content": "Hello!"}]
KEY = "sk-SECRET0123456789"
REPLY = answer({"id": "1", "choices": [{"index": 0, "message": {"content": "Hi!"}}]})
STREAM = answer(
    event(chunk("Hel")) + event(chunk("lo!", finish_reason="stop")) + b"data: [DONE]\n\n",
    content_type="text/event-stream",
)
Ask = Callable[..., str]


@pytest.fixture(params=["blocking", "async"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Makes one call in either world, and gives the text of its answer."""

    def blocking(url: str, *, stream: bool = False, **settings: Any) -> str:
        with LLM(LLMConfig(base_url=url, api_key=KEY, **settings)) as llm:
            if stream:
                return "".join(llm.stream_text(HELLO))
            return str(llm.chat_completion(HELLO).text)

    async def coroutine(url: str, *, stream: bool = False, **settings: Any) -> str:
        async with AsyncLLM(LLMConfig(base_url=url, api_key=KEY, **settings)) as llm:
            if stream:
                return "".join([text async for text in llm.stream_text(HELLO)])
            return str((await llm.chat_completion(HELLO)).text)

    if request.param == "blocking":
        return blocking
    return lambda url, **settings: asyncio.run(coroutine(url, **settings))


@pytest.fixture
def debug_to(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Sets the variable; at the end, the transcript that it began is ended."""
    yield lambda setting: monkeypatch.setenv("LLM_DEBUG", setting)
    monkeypatch.delenv("LLM_DEBUG", raising=False)
    debug.heed_debug_setting()
    assert (debug.transcript(), wire.layers(), wire.in_process.now()) == (None, (), ())


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_standard_error_shows_request_and_answer(
    ask: Ask, debug_to: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    debug_to("1")
    with ScriptedServer((REPLY,)) as server:
        ask(server.url)
    told = capsys.readouterr().err
    assert f"> POST {server.url}/v1/chat/completions" in told
    assert '"content": "Hello!"' in told
    assert "< 200 after" in told
    assert '"content": "Hi!"' in told
    assert "Authorization: **********" in told
    assert KEY not in told


def test_nothing_is_written_without_the_variable(
    ask: Ask, capsys: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer((REPLY,)) as server:
        ask(server.url)
    assert (capsys.readouterr().err, wire.layers()) == ("", ())


@pytest.mark.parametrize("setting", ["0", "off", "False", " "])
def test_words_that_mean_no_switch_it_off(
    setting: str, debug_to: Callable[[str], None], tmp_path: Path
) -> None:
    debug_to(str(tmp_path / "a.log"))
    LLM().close()
    assert debug.transcript() is not None
    debug_to(setting)
    LLM().close()
    assert debug.transcript() is None


def test_a_file_is_its_owners_alone_and_grows(
    ask: Ask, debug_to: Callable[[str], None], tmp_path: Path
) -> None:
    path = tmp_path / "calls.jsonl"
    debug_to(str(path))
    with ScriptedServer((REPLY,)) as server:
        ask(server.url)
        ask(server.url)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = records(path)
    assert [one["event"] for one in told] == ["request", "answer"] * 2
    assert [one["number"] for one in told[1::2]] == [one["number"] for one in told[::2]]
    assert told[0]["body"]["messages"] == HELLO
    assert told[0]["pid"] == os.getpid()


def test_a_stream_is_told_at_its_end_with_its_times(
    ask: Ask, debug_to: Callable[[str], None], tmp_path: Path
) -> None:
    debug_to(str(tmp_path / "calls.jsonl"))
    with ScriptedServer((STREAM,)) as server:
        assert ask(server.url, stream=True) == "Hello!"
    told = records(tmp_path / "calls.jsonl")[-1]
    assert (told["event"], told["outcome"], told["status"]) == ("stream", "complete", 200)
    assert told["body"]["choices"][0]["delta"]["content"] == "Hello!"
    assert 0 <= told["began_s"] <= told["first_s"] <= told["last_s"] <= told["seconds"]
    assert told["pieces"] >= 1


def test_a_stream_that_is_left_is_told_as_left(
    debug_to: Callable[[str], None], tmp_path: Path
) -> None:
    debug_to(str(tmp_path / "calls.jsonl"))
    with ScriptedServer((STREAM,)) as server, LLM(LLMConfig(base_url=server.url)) as llm:
        llm.chat_completion(HELLO, stream=True).close()
    told = records(tmp_path / "calls.jsonl")[-1]
    assert (told["event"], told["outcome"], told["pieces"]) == ("stream", "left", 0)


def test_a_stream_that_breaks_says_how(
    ask: Ask, debug_to: Callable[[str], None], tmp_path: Path
) -> None:
    debug_to(str(tmp_path / "calls.jsonl"))
    cut = answer(event(chunk("Hel")), content_type="text/event-stream", content_length="999")
    with ScriptedServer(([cut, close],)) as server, pytest.raises(LLMError):
        ask(server.url, stream=True, max_retries=0)
    told = records(tmp_path / "calls.jsonl")[-1]
    assert told["outcome"].startswith("LLMResponseError: ")
    assert told["body"]["choices"][0]["delta"]["content"] == "Hel"


def test_errors_retries_and_their_waits_are_told(
    ask: Ask, debug_to: Callable[[str], None], tmp_path: Path
) -> None:
    debug_to(str(tmp_path / "calls.jsonl"))
    with pytest.raises(LLMError):
        ask("http://127.0.0.1:1", max_retries=1, retry_delay=0)
    told = records(tmp_path / "calls.jsonl")
    assert [one["event"] for one in told] == ["request", "error", "note"] * 2
    assert told[1]["error"] == "LLMConnectionError"
    assert told[2]["message"] == "try 1 failed; the next in 0.00 s"
    assert told[5]["message"] == "given up after try 2"
    assert [one["number"] for one in told[:3]] == [told[0]["number"]] * 3


@pytest.mark.parametrize("setting", ["2", "debug", "/", "no/such/folder/x.log", "\0.log"], ids=repr)
def test_a_setting_that_names_no_place_is_refused(
    setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The system takes no such variable; a program could set it otherwise.
    monkeypatch.setattr(os, "environ", {"LLM_DEBUG": setting})
    with pytest.raises(LLMConfigError, match="LLM_DEBUG"):
        LLM()
    assert debug.transcript() is None


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such pipes")
def test_a_pipe_that_nobody_reads_is_refused_and_not_waited_for(
    debug_to: Callable[[str], None], tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    debug_to(str(tmp_path / "pipe.log"))
    with pytest.raises(LLMConfigError, match="nothing can be written"):
        LLM(LLMConfig())


@pytest.mark.parametrize("problem", [OSError(28, "No space left"), BrokenPipeError(), ValueError()])
def test_what_cannot_be_written_ends_no_call(
    problem: Exception,
    ask: Ask,
    debug_to: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken:
        def write(self, text: str) -> int:
            raise problem

        def isatty(self) -> bool:
            return False

    debug_to("1")
    monkeypatch.setattr(sys, "stderr", Broken())
    with ScriptedServer((REPLY,)) as server:
        assert ask(server.url) == "Hi!"


def test_what_cannot_be_shown_ends_no_call(
    ask: Ask, debug_to: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any) -> Any:
        raise TypeError("no")

    monkeypatch.setattr("LLM.transcript.exchange.shown_body", fail)
    debug_to(str(tmp_path / "calls.jsonl"))
    with ScriptedServer((REPLY,)) as server:
        assert ask(server.url) == "Hi!"
    told = [one["message"] for one in records(tmp_path / "calls.jsonl")]
    assert told == [f"the {one} cannot be shown: TypeError" for one in ("request", "answer")]


class Terminal:
    """A stream that says that it is a terminal."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, text: str) -> int:
        self.written.append(text)
        return len(text)

    def flush(self) -> None:
        self.flushed = len(self.written)

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_colour", ["", "1"])
def test_a_terminal_has_colours_unless_it_may_not(
    no_colour: str, debug_to: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    debug_to("1")
    with ScriptedServer((REPLY,)) as server, LLM(LLMConfig(base_url=server.url)) as llm:
        llm.chat_completion(HELLO)
    assert ("\x1b[" in "".join(terminal.written)) == (not no_colour)


def test_what_a_model_says_does_not_steer_the_terminal(
    debug_to: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    debug_to("1")
    body = '{"choices": [{"message": {"content": "\x9b2J \u202e \\u001b]0;title\\u0007"}}]}'
    with ScriptedServer((answer(body.encode()),)) as server:
        llm = LLM(LLMConfig(base_url=server.url))
        llm.chat_completion([{"role": "user", "content": "\x1b[2J\r\nforged"}])
    told = capsys.readouterr().err
    assert not {"\x1b", "\x9b", "\x07", "\r", "\u202e"}.intersection(told)
    assert "\\u001b]0;title" in told


def test_blocks_of_many_threads_are_whole(debug_to: Callable[[str], None], tmp_path: Path) -> None:
    debug_to(str(tmp_path / "calls.log"))
    with ScriptedServer((REPLY,)) as server, LLM(LLMConfig(base_url=server.url)) as llm:
        threads = [threading.Thread(target=llm.chat_completion, args=(HELLO,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    lines = (tmp_path / "calls.log").read_text("utf-8").splitlines()
    starts = [at for at, line in enumerate(lines) if not line.startswith(" ")]
    assert len(starts) == 16
    # A request's block ends with its body, and so does an answer's.
    assert all(lines[at - 1] == "    }" for at in [*starts[1:], len(lines)])


def test_a_forked_process_waits_for_no_thread_of_its_parent(tmp_path: Path) -> None:
    code = """
import os, threading
from LLM import LLM, debug
LLM()
output = debug.transcript().output
held, done = threading.Event(), threading.Event()
def hold():
    with output._lock:
        held.set()
        done.wait(20)
threading.Thread(target=hold).start()
held.wait(20)
child = os.fork()
if child == 0:
    debug.note("from the child")
    os._exit(0)
status = os.waitpid(child, 0)[1]
done.set()
print(status)
"""
    path = tmp_path / "calls.jsonl"
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env={**os.environ, "LLM_DEBUG": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout == "0\n"
    assert [one["message"] for one in records(path)] == ["from the child"]


def test_a_request_that_outlives_its_transcript_writes_into_no_other_file(tmp_path: Path) -> None:
    output = open_output(str(tmp_path / "calls.log"))
    output.close()
    # The system gives the lowest number that is free: the one that was just closed.
    with open(tmp_path / "other", "wb"):
        output.write({"time": "2026-01-01T00:00:00.000Z", "event": "note", "number": 1,
                      "message": "late"})  # fmt: skip
        output.close()
    assert (tmp_path / "other").read_bytes() == b""

"""The chat at a terminal: questions about tools, Ctrl-C, completion, what is typed."""

from __future__ import annotations

import contextlib
import json
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.support import Terminal
from tests.llmring.cli.terminal_chat.chats import calls, screen, tool_server
from tests.llmring.mcp.turns import Said
from tests.remote import wire
from tests.remote.scripted_server import Connection

pytestmark = pytest.mark.slow

ECHO = calls("mcp_echo", text="boat")
ANSWERED = Said("Here it is.")


def ask(shown: Terminal, text: str) -> None:
    shown.wait_for(">>>")
    shown.press(f"{text}\r")


def leave(shown: Terminal) -> None:
    shown.wait_for(">>>")  # until then the terminal itself would take the key
    shown.press("\x04")
    assert shown.exit_code() == 0


def kept(data_folder: Path) -> dict[str, object]:
    (path,) = (data_folder / "chats").glob("*.json")
    return json.loads(path.read_text())


@contextmanager
def with_tools(folder: Path, *said: object, options: tuple[str, ...] = ()) -> Iterator[Terminal]:
    with screen("--server", tool_server(folder), *options, said=said) as shown:
        yield shown


def test_a_tool_is_asked_about_with_all_its_arguments(tmp_path: Path) -> None:
    long = calls("mcp_echo", text="x" * 300 + "\x1b[2Jend")
    with with_tools(tmp_path / "s", long, ANSWERED, options=("--no-save",)) as shown:
        ask(shown, "Where?")
        question = shown.wait_for("[y/n/always]")
        assert "x" * 300 in question.replace("\r\n", "")
        shown.press("maybe\r")
        shown.wait_for("[y/n/always]")
        shown.press("y\r")
        shown.wait_for("← mcp_echo ")
        shown.wait_for("Here it is.")
        leave(shown)


def test_a_refused_tool_does_not_run_and_the_model_is_told(
    tmp_path: Path, data_folder: Path
) -> None:
    with with_tools(tmp_path / "s", ECHO, ANSWERED) as shown:
        ask(shown, "Where?")
        shown.wait_for("[y/n/always]")
        shown.press("n\r")
        shown.wait_for("Here it is.")
        leave(shown)
    assert "does not want this call" in json.dumps(kept(data_folder))
    assert "tools/call" not in (tmp_path / "s" / "heard.jsonl").read_text()


def test_always_asks_no_more(tmp_path: Path) -> None:
    with with_tools(tmp_path / "s", ECHO, ECHO, ANSWERED) as shown:
        ask(shown, "Where?")
        shown.wait_for("[y/n/always]")
        shown.press("always\r")
        assert "[y/n/always]" not in shown.wait_for("Here it is.")


def test_ctrl_c_at_the_question_stops_the_turn(tmp_path: Path) -> None:
    with with_tools(tmp_path / "s", ECHO) as shown:
        ask(shown, "Where?")
        shown.wait_for("[y/n/always]")
        shown.press("\x03")
        shown.wait_for("(stopped; Ctrl-C again leaves)")
        leave(shown)


def test_ctrl_c_cancels_the_tool_that_runs_and_keeps_what_was_said(
    tmp_path: Path, data_folder: Path
) -> None:
    never = Said("I look.", [("mcp_never", {})])
    with with_tools(tmp_path / "s", never, ANSWERED, options=("--yes",)) as shown:
        ask(shown, "Where?")
        shown.wait_for("→ mcp_never()")
        shown.press("\x03")
        shown.wait_for("(stopped; Ctrl-C again leaves)")
        ask(shown, "And now?")
        shown.wait_for("Here it is.")
        leave(shown)
    heard = (tmp_path / "s" / "heard.jsonl").read_text()
    assert "notifications/cancelled" in heard
    roles = [one["role"] for one in kept(data_folder)["messages"]]
    assert roles == ["user", "assistant", "tool", "user", "assistant"]


def test_ctrl_c_stops_the_model_and_again_at_the_prompt_leaves() -> None:
    left = threading.Event()

    def stay(connection: Connection) -> None:
        with contextlib.suppress(OSError):
            while connection.sock.recv(65536):
                continue
        left.set()
        connection.close()

    halting = [wire.UNTIL_CLOSE + wire.event(wire.chunk("Hel")), stay]
    with screen(said=(halting,)) as shown:
        ask(shown, "Well?")
        shown.wait_for("Hel")
        shown.press("\x03")
        shown.wait_for("(stopped; Ctrl-C again leaves)")
        assert left.wait(10)
        shown.wait_for(">>>")
        shown.press("\x03")
        assert shown.exit_code() == 130


def test_ctrl_c_at_the_prompt_says_how_to_leave() -> None:
    with screen() as shown:
        shown.wait_for(">>>")
        shown.press("\x03")
        shown.wait_for("(Ctrl-C again leaves)")
        ask(shown, "Hello!")
        shown.wait_for("Hi.")
        shown.wait_for(">>>")
        shown.press("\x03")
        shown.wait_for("(Ctrl-C again leaves)")
        shown.wait_for(">>>")
        shown.press("\x03")
        assert shown.exit_code() == 130


def test_tab_completes_commands_and_errors_end_nothing() -> None:
    with screen() as shown:
        shown.wait_for(">>>")
        shown.press("/sess\t")
        shown.wait_for("ions")  # the screen may have shown the rest before
        shown.press("\r")
        shown.wait_for("no chats are kept")
        ask(shown, "/nope")
        shown.wait_for("error: there is no command '/nope'")
        ask(shown, "Hello!")
        shown.wait_for("Hi.")
        leave(shown)


def test_what_was_typed_is_kept_for_its_owner(data_folder: Path) -> None:
    with screen() as shown:
        ask(shown, "Hello!")
        shown.wait_for("Hi.")
        leave(shown)
    history = data_folder / "chat_history"
    assert "Hello!" in history.read_text()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_nothing_that_was_typed_is_kept_if_so_asked(data_folder: Path) -> None:
    with screen("--no-save") as shown:
        ask(shown, "Hello!")
        shown.wait_for("Hi.")
        leave(shown)
    assert not (data_folder / "chat_history").exists()


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_changed_tool_is_shown_and_asked_about(tmp_path: Path, answer: str) -> None:
    folder = tmp_path / "s"
    tool = {"name": "echo", "description": "Echoes.", "inputSchema": {"type": "object"}}
    address = tool_server(folder)
    (folder / "tools.json").write_text(json.dumps([tool]))
    with screen("--server", address) as shown:
        shown.wait_for("with 1 tool;")
        leave(shown)
    (folder / "tools.json").write_text(json.dumps([{**tool, "description": "Sends keys."}]))
    with screen("--server", address, "--yes") as shown:
        assert "Sends keys." in shown.wait_for("let the model call echo as it is now? [y/n]")
        shown.press(f"{answer}\r")
        shown.wait_for(f"with {'1 tool' if answer == 'y' else '0 tools'};")
        leave(shown)


def test_progress_is_shown_and_narrow_lines_are_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    slow = calls("mcp_progress", text="a text that is far too long for it")
    with with_tools(tmp_path / "s", slow, ANSWERED, options=("--yes",)) as shown:
        ask(shown, "Where?")
        told = shown.wait_for("← mcp_progress ")
        assert "  mcp_progress: 1 of 2 on it" in told
        assert '→ mcp_progress(text="a text t…\r\n' in told


def test_no_colours_if_so_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with screen() as shown:
        ask(shown, "Hello!")
        shown.wait_for("Hi.")
        leave(shown)
        assert "\x1b[2m" not in shown.raw

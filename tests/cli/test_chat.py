"""`chat`: what is typed, and what becomes of it."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from local_llm_kit.cli.chat_commands import COMMANDS
from local_llm_kit.load_options import LoadOptions
from tests.cli.support import Terminal, run, terminal
from tests.local.support import running_server

pytestmark = pytest.mark.slow

COLD = ("--temperature", "0")
HELLO = "Hello! How can I help you today?\n"


def chat(*lines: str, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
    """A chat with these lines: exit code, answers, and what else was told."""
    result = run("chat", *COLD, *options, input="\n".join(lines))
    return result.exit_code, result.stdout, result.stderr


def test_each_piped_line_is_a_question() -> None:
    code, answers, told = chat("Hello!", "", "What is the capital of France?")
    assert (code, answers, told) == (0, HELLO + "The capital of France is Paris.\n", "")


def test_a_server_can_be_chatted_with(local_server_url: str) -> None:
    code, answers, told = chat("Hello!", "/tokens", options=("--url", local_server_url))
    assert (code, answers) == (0, HELLO)
    assert "tokens" in told


def test_help_names_every_command() -> None:
    told = chat("/help")[2]
    assert len(COMMANDS) == 14
    assert [name for name in COMMANDS if f"\n{name}" not in f"\n{told}"] == []


@pytest.mark.parametrize("line", ["/exit", "/bye", "/quit"])
def test_leaving_takes_no_further_lines(line: str) -> None:
    assert chat(line, "Hello!")[:2] == (0, "")


def test_a_text_of_several_lines_stands_between_fences() -> None:
    code, answers, _ = chat('"""', "Hello!", '"""', '"""Hello!"""', "/multi", "Hello!", '"""')
    assert code == 0
    assert answers.count("\n") == 3
    assert answers.startswith(HELLO)


def test_two_slashes_begin_a_text() -> None:
    code, answers, told = chat("//help")
    assert (code, told) == (0, "")
    assert answers


def test_an_unknown_command_says_where_they_are_listed() -> None:
    code, _, told = chat("/nope")
    assert code == 1
    assert told == "error: there is no command '/nope'; /help shows them, // begins a text\n"


def test_a_misspelt_command_says_which_is_near() -> None:
    assert chat("/modell")[2] == "error: there is no command '/modell'; did you mean /model?\n"


def test_the_system_message_is_set_shown_and_taken_back() -> None:
    told = chat("/system Be brief.", "/tokens", "/system", "/system none", "/tokens")[2]
    lines = told.splitlines()
    assert lines[0] == lines[2] == "system message: Be brief."
    assert lines[3] == "system message: none"
    assert not lines[1].startswith("0 of ")
    assert lines[4].startswith("0 of 2,048 tokens")


def test_settings_are_set_shown_and_reset() -> None:
    told = chat("/set max_tokens 2", "Hello!", "/set max-tokens default", "/set temperature")[2]
    assert told.splitlines() == [
        "max_tokens 2",
        "(cut at its length; see /set max_tokens and /tokens)",
        "max_tokens default",
        "temperature 0.0",
    ]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("/set temperature 9", "0<=x<=2"),
        ("/set seed none", "is not a valid int"),
        ("/set heat 1", "there is no setting 'heat'"),
        ("/set heat", "there is no setting 'heat'"),
        ("/save", "/save needs a file"),
        ("/load no-such-file", "cannot read"),
        ("/image no-such-file", "cannot read"),
        ("/model no-such-model", "no-such-model"),
    ],
    ids=lambda value: value if value.startswith("/") else "",
)
def test_what_cannot_be_done_is_told_and_ends_a_script(line: str, reason: str) -> None:
    code, answers, told = chat(line, "Hello!")
    assert (code, answers) == (1, "")
    assert told.startswith("error: ")
    assert reason in told


def test_undo_and_reset_forget() -> None:
    told = chat("Hello!", "/undo", "/tokens", "/undo", "Hello!", "/reset", "/tokens")[2]
    lines = told.splitlines()
    assert lines[0] == "the last question is taken back"
    assert lines[1].startswith("0 of ")
    assert lines[2] == "nothing was said"
    assert lines[-1].startswith("0 of ")


def test_retry_answers_the_last_question_anew() -> None:
    code, answers, told = chat("/retry", "Hello!", "/retry", "/undo", "/retry")
    assert (code, answers) == (0, HELLO * 3)
    assert told.startswith("nothing was asked\n")


def test_models_are_listed_and_taken() -> None:
    told = chat("/model", "/model tiny", "Hello!")[2]
    assert told.startswith("tiny answers; /model NAME or PATH takes another\n")
    assert told.endswith("tiny answers from here on\n")


def test_a_conversation_is_saved_loaded_and_exported(tmp_path: Path) -> None:
    saved, exported = tmp_path / "chat.json", tmp_path / "chat.md"
    chat("Hello!", f"/save {saved}", f"/export {exported}", options=("--system", "Be kind."))
    assert exported.read_text() == (
        "# Conversation with tiny\n\n## System\n\nBe kind.\n\n## User\n\nHello!\n\n"
        f"## Assistant\n\n{HELLO}"
    )
    told = chat(f"/load {saved}", "/system", "/tokens")[2]
    assert told.startswith("2 messages loaded\nsystem message: Be kind.\n")
    assert not told.splitlines()[-1].startswith("0 of ")


def test_a_script_is_not_kept_unless_asked(data_folder: Path) -> None:
    chat("Hello!")
    assert not data_folder.exists()
    chat("Hello!", options=("--save",))
    (kept,) = (data_folder / "conversations").iterdir()
    assert json.loads(kept.read_text())["messages"][1]["content"] == HELLO.strip()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    assert run("chat", "--list").stdout == f"{kept.stem}\n"


def test_a_conversation_goes_on(data_folder: Path) -> None:
    chat("Hello!", options=("--save",))
    (kept,) = (data_folder / "conversations").iterdir()
    chat("Who are you?", options=("--resume",))
    chat("Who are you?", options=("--resume", kept.stem, "--no-save"))
    assert len(json.loads(kept.read_text())["messages"]) == 4


def test_a_folder_that_cannot_be_made_says_how_to_do_without(data_folder: Path) -> None:
    data_folder.write_text("a file")
    code, _, told = chat("Hello!", options=("--save",))
    assert code == 1
    assert told.startswith(f"error: cannot make the folder '{data_folder / 'conversations'}'")
    assert "LOCAL_LLM_KIT_DATA_DIR" in told
    assert "--no-save" in told


def test_a_history_that_cannot_be_written_says_how_to_do_without(data_folder: Path) -> None:
    data_folder.mkdir()
    (data_folder / "history").symlink_to(data_folder / "none/history")
    with terminal("chat", *COLD, "--no-progress") as screen:
        screen.wait_for(f"error: cannot write '{data_folder / 'history'}'")
        screen.wait_for("--no-save")


def test_a_list_of_no_conversations_says_so(data_folder: Path) -> None:
    listed = run("chat", "--list")
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert listed.stderr == f"no conversations are kept in {data_folder / 'conversations'}\n"


def test_a_conversation_that_is_not_there_is_told() -> None:
    code, _, told = chat(options=("--resume", "yesterday"))
    assert code == 1
    assert "there is no conversation 'yesterday'" in told


def test_what_no_longer_fits_is_left_out_and_told() -> None:
    questions = [f"The number {i} is here." for i in range(12)]
    code, _, told = chat(*questions, options=("--context-length", "128", "-n", "16"))
    assert code == 0
    assert "oldest messages no longer fit and were left out" in told


def test_our_server_leaves_out_what_no_longer_fits() -> None:
    questions = [f"The number {i} is here." for i in range(12)]
    with running_server(LoadOptions(context_length=128)) as server:
        code, _, told = chat(*questions, options=("--url", server.url, "-n", "16"))
    assert code == 0
    assert "oldest messages no longer fit and were left out" in told


@pytest.fixture
def screen(data_folder: Path) -> Terminal:
    with terminal("chat", *COLD, "--no-progress") as screen:
        screen.wait_for("Ctrl-D leaves")
        yield screen


def ask(screen: Terminal, text: str) -> None:
    screen.wait_for(">>>")
    screen.press(f"{text}\r")


def test_at_a_terminal_it_answers_and_tells_the_pace(screen: Terminal) -> None:
    ask(screen, "Hello!")
    shown = screen.wait_for("to the first)")
    assert HELLO.strip() in shown
    ask(screen, "/nope")
    screen.wait_for("error: there is no command")
    screen.wait_for(">>>")  # until then the terminal itself would take the key
    screen.press("\x04")
    assert screen.exit_code() == 0


def test_what_was_typed_is_in_no_file_if_nothing_is_kept(data_folder: Path) -> None:
    with terminal("chat", *COLD, "--no-progress", "--no-save") as screen:
        ask(screen, "Hello!")
        screen.wait_for("to the first)")
    assert not data_folder.exists()


def test_ctrl_c_at_the_prompt_does_not_leave(screen: Terminal) -> None:
    screen.wait_for(">>>")
    screen.press("\x03")
    screen.wait_for("(Ctrl-D leaves)")
    ask(screen, "Hello!")
    screen.wait_for("How can I help")


def test_what_was_typed_is_kept_for_its_owner(screen: Terminal, data_folder: Path) -> None:
    ask(screen, "Hello!")
    screen.wait_for("to the first)")
    history = data_folder / "history"
    assert "Hello!" in history.read_text()
    assert stat.S_IMODE(history.stat().st_mode) == 0o600

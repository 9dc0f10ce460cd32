"""`llmring lock chat`: a model looks things up, changes the lockfile, and saves it when allowed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.cli.support import terminal
from tests.llmring.cli.support import LOCKFILE, ROOT, run, shown
from tests.llmring.cli.terminal_chat.chats import calls, chat, screen
from tests.llmring.cli.test_cli_page import fits, steps
from tests.llmring.mcp.turns import Said

pytestmark = pytest.mark.slow

LOCK_CHAT = ("lock", "chat")
BIND = calls("add_alias", alias="fast", models="openai:gpt-6-luna,local:tiny")
SAVE = calls("save_lockfile")
ADDED = "# kept\n" + LOCKFILE


def models(path: Path, alias: str = "fast", profile: str = "default") -> list[str]:
    bindings = tomllib.loads(path.read_text())["profiles"][profile]["bindings"]
    return next(one["models"] for one in bindings if one["alias"] == alias)


def test_an_alias_is_bound_and_saved(folder: Path) -> None:
    told = chat(
        "Bind fast.", "Save.", said=(BIND, Said("Shall I save?"), SAVE, Said("Saved.")),
        command=LOCK_CHAT, options=("--yes",),
    )  # fmt: skip
    assert (told.code, told.answers) == (0, "Shall I save?\nSaved.\n")
    assert models(folder / "llmring.lock") == ["openai:gpt-6-luna", "local:tiny"]
    prompt = told.bodies[0]["messages"][0]
    assert prompt["role"] == "system"
    assert "lockfile" in prompt["content"]
    assert len(told.bodies[0]["tools"]) == 11


def test_without_a_yes_nothing_is_written_and_that_is_told(folder: Path) -> None:
    told = chat("Bind fast and save.", said=(BIND, SAVE, Said("I may not.")), command=LOCK_CHAT)
    assert (told.code, told.answers) == (0, "I may not.\n")
    assert "→ add_alias(" in told.notes
    assert "(save_lockfile does not run: nobody can be asked here; see --yes)" in told.notes
    assert told.notes.splitlines()[-1].startswith("not saved: fast (profile default): ")
    assert list(folder.iterdir()) == []


def test_only_saving_is_asked_about_and_comments_stay(folder: Path) -> None:
    lockfile = folder / "llmring.lock"
    lockfile.write_text(ADDED)
    preview = calls("save_lockfile", preview=True)
    said = (BIND, preview, SAVE, Said("Saved."))
    with screen(said=said, command=LOCK_CHAT) as seen:
        seen.wait_for(">>>")
        seen.press("Bind fast and save.\r")
        before = seen.wait_for("[y/n/always]")
        assert "run save_lockfile()?" in before
        assert "run add_alias" not in before
        assert lockfile.read_text() == ADDED
        seen.press("y\r")
        seen.wait_for("Saved.")
    assert lockfile.read_text().startswith("# kept\n")
    assert models(lockfile) == ["openai:gpt-6-luna", "local:tiny"]


def test_the_model_here_ends_in_a_written_lockfile(folder: Path) -> None:
    with terminal("lock", "chat", program="llmring", PYTHONPATH=str(ROOT)) as seen:
        seen.wait_for("local:tiny answers, a demonstration model")
        seen.wait_for(">>>")
        seen.press("/call add_alias alias=fast models=local:tiny\r")
        seen.wait_for("Not saved yet")
        seen.wait_for(">>>")
        seen.press("Save the lockfile.\r")
        seen.wait_for("run save_lockfile()? [y/n/always]")
        seen.press("always\r")
        seen.wait_for("← save_lockfile")
        seen.wait_for(">>>")
        seen.press("\x04")
        assert seen.exit_code() == 0
    assert models(folder / "llmring.lock") == ["local:tiny"]


@pytest.mark.parametrize(
    "line", ["Save the lockfile", "Call save_lockfile", "Please save the lockfile."]
)
def test_the_model_here_saves_in_other_words(folder: Path, line: str) -> None:
    result = run(*LOCK_CHAT, "--yes", input=f"Hello!\n{line}\n")
    assert result.exit_code == 0
    assert (folder / "llmring.lock").exists()


def test_another_file_and_profile_are_made(folder: Path) -> None:
    told = chat(
        "Bind and save.", said=(BIND, SAVE, Said("Saved.")), command=LOCK_CHAT,
        options=("--yes", "--path", "other.lock", "--profile", "new"),
    )  # fmt: skip
    assert told.code == 0
    assert models(folder / "other.lock", profile="new") == ["openai:gpt-6-luna", "local:tiny"]


def test_the_alias_for_it_advises_or_else_one_that_can_be_asked(folder: Path) -> None:
    assert "advisor is asked" in run(*LOCK_CHAT, input="/model\n").stderr
    (folder / "llmring.lock").write_text(LOCKFILE)
    assert "fast is asked" in run(*LOCK_CHAT, input="/model\n").stderr


def test_a_lockfile_of_models_that_cannot_be_asked_leaves_the_demonstration(folder: Path) -> None:
    (folder / "llmring.lock").write_text(LOCKFILE.replace(', "local:tiny"', ""))
    told = run(*LOCK_CHAT, input="/model\n").stderr
    assert told.startswith("(no alias has a model that can be asked; local:tiny answers")


def test_without_any_model_it_says_what_to_set_or_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmring.providers.local.engines.has_engine", lambda: False)
    told = run(*LOCK_CHAT, input="Hello!\n")
    assert told.exit_code == 1
    assert told.stderr.startswith("error: no model can be asked: set OPENAI_API_KEY")
    assert "pip install '.[llama]'" in told.stderr


def test_the_page_shows_what_it_says() -> None:
    page = (ROOT / "docs" / "conversational-lockfile.md").read_text("utf-8")
    (block,) = re.findall(r"^```console\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    ((line, expected),) = steps(block)
    text = shown(line)
    assert fits(expected, text), text


def test_its_chats_are_kept_apart(data_folder: Path) -> None:
    chat("Hello!", command=LOCK_CHAT)
    assert len(list((data_folder / "lockfile_chats").iterdir())) == 1
    assert not (data_folder / "chats").exists()

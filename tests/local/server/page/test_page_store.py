"""Conversations stay in the browser: listed, found, renamed, deleted, taken out and brought in."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.local.server.page.peer import END, Peer, chunk, refusal, said

ANSWERS = ".turn.assistant .markdown"


def talk(peer: Peer, tab: Page, question: str, answer: str) -> None:
    """A question and its answer in a new conversation."""
    peer.answers.append(said(answer))
    tab.click("#new")
    tab.fill("#prompt", question)
    tab.press("#prompt", "Enter")
    expect(tab.locator(ANSWERS)).to_have_text(answer.replace("`", ""))
    expect(tab.locator(".stats")).to_be_attached()


def kept(tab: Page) -> Any:
    """The conversation shown, as the browser's store has it."""
    load = "(id) => import('/page/store.js').then((it) => it.load(id))"
    return tab.evaluate(load, tab.evaluate("location.hash.slice(1)"))


def export(tab: Page, button: str) -> Any:
    with tab.expect_download() as download:
        tab.click(button)
        if button == "#export":
            tab.click("#export-dialog button[value=json]")
    return json.loads(Path(download.value.path()).read_text())


def bring_in(tab: Page, data: Any) -> None:
    body = data if isinstance(data, bytes) else json.dumps(data).encode()
    file = {"name": "it.json", "mimeType": "application/json", "buffer": body}
    tab.set_input_files("#import-file", [file])


def test_a_reload_brings_the_conversation_back(peer: Peer, tab: Page) -> None:
    talk(peer, tab, "Where is it?", "Here.")
    tab.reload()
    expect(tab.locator(ANSWERS)).to_have_text("Here.")
    expect(tab.locator(".conversation")).to_have_text("Where is it?")
    expect(tab.locator("#meter-text")).to_have_text("15 / 100")


def test_what_came_before_a_reload_stays(peer: Peer, tab: Page) -> None:
    peer.answers.append([chunk(content="Half"), threading.Event()])
    tab.fill("#prompt", "Hello!")
    tab.press("#prompt", "Enter")
    expect(tab.locator(ANSWERS)).to_have_text("Half")
    expect(tab.locator(".conversation")).to_be_visible()
    while kept(tab)["messages"][-1]["text"] != "Half":
        tab.wait_for_timeout(50)
    tab.reload()
    expect(tab.locator(ANSWERS)).to_have_text("Half")


def test_a_conversation_is_found_by_words_in_it(peer: Peer, tab: Page) -> None:
    talk(peer, tab, "About bees", "They make honey.")
    talk(peer, tab, "About cows", "They make milk.")
    tab.keyboard.press("Control+k")
    tab.keyboard.type("HONEY make")
    expect(tab.locator(".conversation")).to_have_text(["About bees"])
    tab.fill("#search", "wool")
    expect(tab.locator("#none-found")).to_have_text("No conversation has these words.")
    tab.fill("#search", "")
    expect(tab.locator(".conversation")).to_have_text(["About cows", "About bees"])


def test_a_conversation_is_renamed_by_key(peer: Peer, tab: Page) -> None:
    talk(peer, tab, "About bees", "They make honey.")
    tab.press(".conversation", "F2")
    tab.fill(".rename", "Honey")
    tab.press(".rename", "Enter")
    expect(tab.locator(".conversation")).to_have_text("Honey")
    tab.reload()
    expect(tab.locator(".conversation")).to_have_text("Honey")


def test_an_answer_that_ends_takes_nothing_from_who_uses_the_list(peer: Peer, tab: Page) -> None:
    gate = threading.Event()
    peer.answers.append([chunk(content="Half"), gate, END])
    tab.fill("#prompt", "Hello!")
    tab.press("#prompt", "Enter")
    expect(tab.locator(ANSWERS)).to_have_text("Half")
    tab.press(".conversation", "F2")
    tab.fill(".rename", "New tit")
    gate.set()
    expect(tab.locator(".stats")).to_be_attached()
    expect(tab.locator(".rename")).to_be_focused()
    tab.keyboard.type("le")
    tab.keyboard.press("Enter")
    expect(tab.locator(".conversation")).to_have_text("New title")


def test_one_that_is_answered_out_of_sight_keeps_its_new_title(peer: Peer, tab: Page) -> None:
    gate = threading.Event()
    peer.answers.append([chunk(content="Half"), gate, END])
    tab.fill("#prompt", "Hello!")
    tab.press("#prompt", "Enter")
    expect(tab.locator(ANSWERS)).to_have_text("Half")
    tab.click("#new")
    tab.press(".conversation", "F2")
    tab.fill(".rename", "Honey")
    tab.press(".rename", "Enter")
    expect(tab.locator(".conversation")).to_have_text("Honey")
    gate.set()
    tab.click(".conversation")
    expect(tab.locator(".stats")).to_be_attached()
    expect(tab.locator(".conversation")).to_have_text("Honey")
    assert kept(tab)["title"] == "Honey"


def test_what_was_said_after_a_failure_is_kept_when_it_is_tried_again(
    peer: Peer, tab: Page
) -> None:
    peer.answers += [refusal(500, "no"), said("Two."), said("One.")]
    for text in ("First", "Second"):
        tab.fill("#prompt", text)
        tab.press("#prompt", "Enter")
        expect(tab.locator(".turn.user .markdown").last).to_have_text(text)
        expect(tab.locator(".error")).to_be_visible()
    expect(tab.locator(ANSWERS).last).to_have_text("Two.")
    tab.click("text=Try again")
    expect(tab.locator(ANSWERS)).to_have_text("One.")
    bring_in(tab, export(tab, "#export"))
    expect(tab.locator(".conversation")).to_have_text(["First", "First"])
    tab.click("[aria-label='Version before']")
    expect(tab.locator(ANSWERS).last).to_have_text("Two.")


@pytest.mark.parametrize("answer", ["accept", "dismiss"])
def test_deleting_asks_first(peer: Peer, tab: Page, answer: str) -> None:
    talk(peer, tab, "About bees", "They make honey.")
    tab.on("dialog", lambda dialog: getattr(dialog, answer)())
    left = 0 if answer == "accept" else 1
    tab.press(".conversation", "Delete")
    expect(tab.locator(".conversation")).to_have_count(left)
    tab.reload()
    expect(tab.locator(".conversation")).to_have_count(left)


def test_a_conversation_deleted_while_it_is_answered_stays_deleted(peer: Peer, tab: Page) -> None:
    peer.answers.append([chunk(content="Half"), threading.Event()])
    tab.fill("#prompt", "Hello!")
    tab.press("#prompt", "Enter")
    expect(tab.locator(ANSWERS)).to_have_text("Half")
    tab.on("dialog", lambda dialog: dialog.accept())
    tab.press(".conversation", "Delete")
    expect(tab.locator("#welcome")).to_be_visible()
    assert peer.left.wait(10)
    tab.reload()
    expect(tab.locator("#none-found")).to_be_visible()


def test_what_is_exported_can_be_brought_into_another_browser(
    peer: Peer, tab: Page, browser: Any
) -> None:
    talk(peer, tab, "About bees", "They make honey.")
    talk(peer, tab, "About cows", "They make milk.")
    data = export(tab, "#export-all")
    other = browser.new_context().new_page()
    other.goto(peer.url)
    bring_in(other, data)
    expect(other.locator(".conversation")).to_have_text(["About cows", "About bees"])
    other.click("text=About bees")
    expect(other.locator(ANSWERS)).to_have_text("They make honey.")
    other.context.close()


def test_an_import_adds_and_replaces_nothing(peer: Peer, tab: Page) -> None:
    talk(peer, tab, "About bees", "They make honey.")
    bring_in(tab, export(tab, "#export"))
    expect(tab.locator(".conversation")).to_have_text(["About bees", "About bees"])


def test_markdown_is_for_reading(peer: Peer, tab: Page) -> None:
    talk(peer, tab, "About bees", "They make `honey`.")
    with tab.expect_download() as download:
        tab.click("#export")
        tab.click("#export-dialog button[value=markdown]")
    text = Path(download.value.path()).read_text()
    assert text == "# About bees\n\n## You\n\nAbout bees\n\n## tiny\n\nThey make `honey`.\n"
    assert download.value.suggested_filename == "About bees.md"


def conversations(**message: Any) -> dict[str, Any]:
    first = {"id": "a", "parent": None, "role": "user", "text": "Hi"} | message
    return {
        "format": "local-llm-kit.conversations",
        "version": 1,
        "conversations": [{"title": "T", "leaf": "a", "messages": [first]}],
    }


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"no json", "not JSON"),
        ([], "holds no conversations"),
        ({"format": "other", "conversations": []}, "holds no conversations"),
        (conversations() | {"version": 2}, "newer version"),
        (conversations(role="system"), "message 1 has no role"),
        (conversations(text=5), "message 1 has no role, no text"),
        (conversations(parent="a"), "do not fit together"),
        (conversations(parent="nowhere"), "do not fit together"),
        (conversations() | {"conversations": [{"title": "T"}]}, "has no messages"),
    ],
    ids=["text", "list", "other", "newer", "role", "type", "circle", "orphan", "empty"],
)
def test_a_file_that_is_no_export_is_refused(tab: Page, data: Any, told: str) -> None:
    bring_in(tab, data)
    expect(tab.locator("#toast")).to_contain_text(told)
    expect(tab.locator(".conversation")).to_have_count(0)


def test_of_a_hostile_file_only_what_belongs_is_taken(tab: Page) -> None:
    data = conversations(
        images=[
            "http://127.0.0.1:1/a.png",
            "javascript:alert(1)",
            "data:image/svg+xml;base64,AA==",
        ],
        stats={"perSecond": "<b>", "prompt": {}},
        onload="alert(1)",
    )
    data["conversations"][0] |= {"sampling": {"temperature": 99, "extra": '{"messages": []}'}}
    bring_in(tab, data)
    expect(tab.locator(".turn.user .markdown")).to_have_text("Hi")
    assert tab.locator(".turn img").count() == 0
    (found,) = export(tab, "#export-all")["conversations"]
    assert found["sampling"] == {}
    assert "onload" not in found["messages"][0]


def test_tabs_tell_each_other(peer: Peer, visit: Callable[[str], Page]) -> None:
    one, two = visit(peer.url), visit(peer.url)
    talk(peer, one, "About bees", "They make honey.")
    expect(two.locator(".conversation")).to_have_text("About bees")


def test_settings_for_new_conversations_are_kept(peer: Peer, tab: Page) -> None:
    tab.click("#show-settings")
    tab.fill("#set-temperature", "0.3")
    tab.click("text=Keep as default")
    tab.click("text=Done")
    tab.reload()
    tab.click("#show-settings")
    expect(tab.locator("#set-temperature")).to_have_value("0.3")
    tab.click("text=Clear")
    expect(tab.locator("#set-temperature")).to_have_value("")


def test_a_turn_that_is_continued_keeps_its_settings(peer: Peer, tab: Page) -> None:
    talk(peer, tab, "First", "One")
    tab.click("#show-settings")
    tab.fill("#set-seed", "7")
    tab.click("text=Done")
    while kept(tab)["sampling"] != {"seed": 7}:
        tab.wait_for_timeout(50)
    tab.reload()
    expect(tab.locator(ANSWERS)).to_have_text("One")
    peer.answers.append([chunk(content="Two"), END])
    tab.fill("#prompt", "Second")
    tab.press("#prompt", "Enter")
    expect(tab.locator(ANSWERS).nth(1)).to_have_text("Two")
    assert peer.asked[1]["seed"] == 7

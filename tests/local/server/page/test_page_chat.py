"""Talking on the page, in a browser: sending, streaming, stopping, asking again, editing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from local_llm_kit.server import LocalServer
from tests.local.server.page.peer import END, Peer, chunk, event, refusal, said, usage

ANSWERS = ".turn.assistant .markdown"


def send(tab: Page, text: str) -> None:
    tab.fill("#prompt", text)
    tab.press("#prompt", "Enter")


def test_a_conversation_with_the_bundled_model(
    server: LocalServer, visit: Callable[[str], Page]
) -> None:
    tab = visit(server.url)
    send(tab, "What is the capital of France?")
    expect(tab.locator(ANSWERS)).to_contain_text("Paris")
    expect(tab.locator(".stats")).to_contain_text("tokens/s")
    expect(tab.locator("#meter-text")).to_contain_text("/ 2,048")
    expect(tab.locator("#prompt")).to_be_focused()


def test_an_answer_is_shown_while_it_grows(peer: Peer, tab: Page) -> None:
    gate = threading.Event()
    peer.answers.append([chunk(content="First "), gate, chunk(content="second."), END])
    send(tab, "Hello!")
    expect(tab.locator(ANSWERS)).to_have_text("First ")
    expect(tab.locator(".turn.assistant")).to_have_attribute("aria-busy", "true")
    gate.set()
    expect(tab.locator(ANSWERS)).to_have_text("First second.")
    expect(tab.locator(".stats")).to_contain_text("5 tokens")
    expect(tab.locator("#meter")).to_have_attribute("title", "15 % of the context is used")


def test_a_model_that_tells_more_once_it_is_loaded_is_asked_again(
    peer: Peer, visit: Callable[[str], Page]
) -> None:
    peer.cards = [{"id": "tiny"}]
    tab = visit(peer.url)
    peer.cards = [{"id": "tiny", "context_length": 30, "capabilities": ["vision"]}]
    peer.answers.append(said("One"))
    send(tab, "Hello!")
    expect(tab.locator("#meter-text")).to_have_text("15 / 30")
    expect(tab.locator("#attach")).to_be_visible()


def test_turns_that_were_left_out_are_told(peer: Peer, tab: Page) -> None:
    overflow = {"policy": "drop_oldest", "n_messages": 3}
    peer.answers.append([event({"overflow": overflow, "choices": []}), *said("Yes.")])
    send(tab, "Hello!")
    expect(tab.locator(".turn-note").last).to_contain_text("3 older messages were left out")


def test_what_was_said_goes_along(peer: Peer, tab: Page) -> None:
    peer.answers += [said("One"), said("Two")]
    send(tab, "First")
    expect(tab.locator(ANSWERS)).to_have_text("One")
    send(tab, "Second")
    expect(tab.locator(ANSWERS).nth(1)).to_have_text("Two")
    assert peer.asked[1]["messages"] == [
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "One"},
        {"role": "user", "content": "Second"},
    ]


@pytest.mark.parametrize("how", ["key", "button"])
def test_stopping_keeps_what_came_and_tells_the_server(peer: Peer, tab: Page, how: str) -> None:
    peer.answers.append([chunk(content="Half"), threading.Event()])
    send(tab, "Hello!")
    expect(tab.locator(ANSWERS)).to_have_text("Half")
    if how == "key":
        tab.keyboard.press("Escape")
    else:
        tab.click("#stop")
    expect(tab.locator(".turn-note").last).to_have_text("Stopped.")
    expect(tab.locator(ANSWERS)).to_have_text("Half")
    expect(tab.locator("#prompt")).to_be_focused()
    assert peer.left.wait(10)


def test_nothing_is_sent_while_an_answer_is_on_its_way(peer: Peer, tab: Page) -> None:
    gate = threading.Event()
    peer.answers.append([chunk(content="Wait"), gate, END])
    send(tab, "Hello!")
    expect(tab.locator(ANSWERS)).to_have_text("Wait")
    send(tab, "Too early")
    expect(tab.locator("#prompt")).to_have_value("Too early")
    gate.set()
    expect(tab.locator("#send")).to_be_enabled()
    assert len(peer.asked) == 1


def test_answering_again_keeps_both_versions(peer: Peer, tab: Page) -> None:
    peer.answers += [said("One"), said("Two")]
    send(tab, "Hello!")
    expect(tab.locator(ANSWERS)).to_have_text("One")
    tab.click("button[aria-label='Answer again']")
    expect(tab.locator(ANSWERS)).to_have_text("Two")
    expect(tab.locator(".versions")).to_have_text("2/2")
    tab.click("button[aria-label='Version before']")
    expect(tab.locator(ANSWERS)).to_have_text("One")
    assert peer.asked[0] == peer.asked[1]


def test_an_edited_turn_is_answered_and_the_old_one_stays(peer: Peer, tab: Page) -> None:
    peer.answers += [said("One"), said("Two")]
    send(tab, "Hello!")
    expect(tab.locator(ANSWERS)).to_have_text("One")
    tab.press("#prompt", "ArrowUp")
    tab.fill(".editor-text", "Goodbye!")
    tab.press(".editor-text", "Enter")
    expect(tab.locator(ANSWERS)).to_have_text("Two")
    assert peer.asked[1]["messages"] == [{"role": "user", "content": "Goodbye!"}]
    tab.click("button[aria-label='Version before']")
    expect(tab.locator(".turn.user .markdown")).to_have_text("Hello!")
    expect(tab.locator(ANSWERS)).to_have_text("One")


def test_an_edit_can_be_given_up(peer: Peer, tab: Page) -> None:
    peer.answers.append(said("One"))
    send(tab, "Hello!")
    expect(tab.locator(ANSWERS)).to_have_text("One")
    tab.locator(".turn.user").hover()
    tab.click("button[aria-label='Edit']")
    tab.press(".editor-text", "Escape")
    expect(tab.locator(".turn.user .markdown")).to_be_visible()
    assert len(peer.asked) == 1


def test_thoughts_are_folded_and_not_sent_back(peer: Peer, tab: Page) -> None:
    peer.answers += [[chunk(reasoning_content="Hm."), chunk(content="Yes."), END], said("Two")]
    send(tab, "Really?")
    expect(tab.locator(".thought summary")).to_have_text("Thoughts")
    expect(tab.locator(".thought-text")).to_be_hidden()
    tab.click(".thought summary")
    expect(tab.locator(".thought-text")).to_have_text("Hm.")
    send(tab, "Sure?")
    expect(tab.locator(ANSWERS).nth(1)).to_have_text("Two")
    assert "Hm." not in str(peer.asked[1])


def test_a_tool_call_is_shown_and_can_be_answered(peer: Peer, tab: Page) -> None:
    head = {"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": '{"city"'}}
    more = {"index": 0, "function": {"arguments": ': "Paris"}'}}
    calls = [chunk(tool_calls=[head]), chunk(tool_calls=[more]), END]
    peer.answers += [calls, said("Sunny.")]
    send(tab, "What is the weather?")
    expect(tab.locator(".call summary")).to_have_text("Calls weather")
    expect(tab.locator(".call pre")).to_have_text('{\n  "city": "Paris"\n}')
    tab.fill(".call textarea", "25 degrees")
    tab.click("text=Send the results")
    expect(tab.locator(ANSWERS).nth(1)).to_have_text("Sunny.")
    call, result = peer.asked[1]["messages"][1:]
    assert call["tool_calls"][0]["function"]["arguments"] == '{"city": "Paris"}'
    assert result == {"role": "tool", "tool_call_id": "call_1", "content": "25 degrees"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (refusal(400, "the prompt has 900 tokens, the window 512"), "900 tokens, the window 512"),
        (refusal(429, "8 requests are waiting already"), "8 requests are waiting already"),
        ([chunk(content="Ha"), event({"error": {"message": "out of memory"}})], "out of memory"),
        ([chunk(content="Ha")], "the stream ended before the answer did"),
        ([b"data: {broken\n\n"], "cannot be read"),
    ],
    ids=["refused", "busy", "failed on the way", "cut short", "no JSON"],
)
def test_an_error_is_told_in_the_servers_words(
    peer: Peer, tab: Page, answer: object, told: str
) -> None:
    peer.answers += [answer, said("Better.")]
    send(tab, "Hello!")
    expect(tab.locator(".error")).to_contain_text(told)
    tab.click("text=Try again")
    expect(tab.locator(ANSWERS)).to_have_text("Better.")
    expect(tab.locator(".error")).to_have_count(0)
    expect(tab.locator(".versions")).to_have_count(0)


def test_a_server_that_is_gone_is_told(tab: Page) -> None:
    tab.context.set_offline(True)
    send(tab, "Hello!")
    expect(tab.locator(".error")).to_contain_text("the server cannot be reached")


def test_a_wait_says_what_it_is_for(peer: Peer, tab: Page) -> None:
    gate = threading.Event()
    peer.answers.append([gate, END])
    send(tab, "Hello!")
    expect(tab.locator(".turn-note").last).to_contain_text("3 requests are waiting")
    gate.set()
    expect(tab.locator(".turn-note").last).to_contain_text("The model said nothing.")


def test_settings_and_the_model_go_along(peer: Peer, visit: Callable[[str], Page]) -> None:
    peer.cards = [{"id": "tiny"}, {"id": "other"}]
    tab = visit(peer.url)
    peer.answers.append(said("Yes."))
    tab.select_option("#model", "other")
    tab.keyboard.press("Control+,")
    tab.fill("#set-system", "Be brief.")
    tab.fill("#set-temperature", "0.2")
    tab.click(".more summary")
    tab.fill("#set-stop", "END\nSTOP")
    tab.fill("#set-extra", '{"logprobs": true}')
    tab.click("text=Done")
    send(tab, "Hello!")
    expect(tab.locator(ANSWERS)).to_have_text("Yes.")
    asked = peer.asked[0]
    assert asked.pop("messages")[0] == {"role": "system", "content": "Be brief."}
    assert asked == {
        "model": "other",
        "temperature": 0.2,
        "stop": ["END", "STOP"],
        "logprobs": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [("temperature", "3"), ("max_tokens", "1.5"), ("extra", '{"messages": []}'), ("extra", "[")],
)
def test_a_setting_that_cannot_be_is_not_taken(tab: Page, field: str, value: str) -> None:
    tab.click("#show-settings")
    tab.click(".more summary")
    tab.fill(f"#set-{field}", value)
    tab.click("text=Done")
    expect(tab.locator("#settings")).to_be_visible()
    expect(tab.locator(f"#set-{field}:invalid")).to_have_count(1)


def test_a_key_is_asked_for_and_kept_for_the_tab(peer: Peer, visit: Callable[[str], Page]) -> None:
    peer.required_key = "sk-1"
    tab = visit(peer.url)
    expect(tab.locator("#api-key-reason")).to_contain_text("asks for a key")
    tab.fill("#api-key-value", "sk-2")
    tab.press("#api-key-value", "Enter")
    expect(tab.locator("#api-key-reason")).to_contain_text("does not take that key")
    tab.fill("#api-key-value", "sk-1")
    tab.press("#api-key-value", "Enter")
    expect(tab.locator("#model")).to_have_value("tiny")
    assert tab.evaluate("[sessionStorage.length, localStorage.getItem('api-key')]") == [1, None]


def test_an_input_methods_enter_does_not_send(peer: Peer, tab: Page) -> None:
    tab.fill("#prompt", "にほん")
    composing = "new KeyboardEvent('keydown', {key: 'Enter', isComposing: true, bubbles: true})"
    tab.evaluate(f"document.getElementById('prompt').dispatchEvent({composing})")
    tab.press("#prompt", "Shift+Enter")
    expect(tab.locator("#prompt")).to_have_value("にほん\n")
    assert peer.asked == []


def test_another_conversation_can_be_read_while_one_is_answered(peer: Peer, tab: Page) -> None:
    gate = threading.Event()
    peer.answers.append([chunk(content="Slow "), gate, chunk(content="answer."), usage(3, 2), END])
    send(tab, "Hello!")
    expect(tab.locator(ANSWERS)).to_have_text("Slow ")
    tab.click("#new")
    expect(tab.locator("#welcome")).to_be_visible()
    tab.click(".conversation")
    expect(tab.locator(ANSWERS)).to_have_text("Slow ")
    gate.set()
    expect(tab.locator(ANSWERS)).to_have_text("Slow answer.")

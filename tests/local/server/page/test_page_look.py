"""How the page behaves for hands and eyes: keys, colours, narrow screens, images, code, names."""

from __future__ import annotations

import base64
import struct
import threading
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.local.server.page.peer import END, Peer, chunk, said

ANSWERS = ".turn.assistant .markdown"
CODE = "```python\ndef answer():\n    return 42\n```"


def send(tab: Page, text: str) -> None:
    tab.fill("#prompt", text)
    tab.press("#prompt", "Enter")


def png(width: int, height: int) -> bytes:
    """A black image."""

    def part(kind: bytes, data: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((width + 1) * height))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", rows) + part(b"IEND", b"")


def file(name: str, kind: str, body: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": body}


@pytest.fixture
def seeing(peer: Peer, visit: Callable[[str], Page]) -> Page:
    """The page of a model that takes images."""
    peer.cards = [{"id": "eyes", "capabilities": ["completion", "vision"]}]
    return visit(peer.url)


def test_events_are_read_wherever_the_stream_is_cut(tab: Page) -> None:
    stream = 'data: {"a": "é"}\r\n\r\n: note\nevent: x\ndata: one\ndata:two\r\r\ndata\n\ndata: cut'
    found = tab.evaluate(
        """async (bytes) => {
            const { eventsOf } = await import("/page/sse.js");
            const read = async (size) => {
                const pieces = [];
                for (let i = 0; i < bytes.length; i += size) pieces.push(bytes.slice(i, i + size));
                const stream = new ReadableStream({ start(it) {
                    for (const piece of pieces) it.enqueue(new Uint8Array(piece));
                    it.close();
                } });
                const events = [];
                for await (const event of eventsOf(stream)) events.push(event);
                return JSON.stringify(events);
            };
            const all = new Set();
            for (let size = 1; size <= bytes.length; size++) all.add(await read(size));
            return [...all];
        }""",
        list(stream.encode()),
    )
    assert found == ['["{\\"a\\": \\"é\\"}","one\\ntwo",""]']


def test_an_event_without_end_is_given_up(tab: Page) -> None:
    feed = """async () => {
        const { EventParser } = await import("/page/sse.js");
        const parser = new EventParser();
        for (let i = 0; i < 20; i++) parser.push("data: " + "x".repeat(1 << 20));
    }"""
    with pytest.raises(Exception, match="too large"):
        tab.evaluate(feed)


def test_code_is_coloured_and_copied(peer: Peer, tab: Page) -> None:
    peer.answers.append(said(CODE))
    send(tab, "Code, please")
    expect(tab.locator(".code .hljs-keyword")).to_have_text(["def", "return"])
    expect(tab.locator(".code-head span")).to_have_text("python")
    tab.click(".code-head button")
    expect(tab.locator("#status")).to_have_text("Copied")
    assert tab.evaluate("navigator.clipboard.readText()") == "def answer():\n    return 42\n"


def test_only_the_growing_block_is_made_again(peer: Peer, tab: Page) -> None:
    gate = threading.Event()
    peer.answers.append([chunk(content="One\n\nTwo"), gate, chunk(content=" more"), END])
    send(tab, "Go")
    expect(tab.locator(".block")).to_have_text(["One", "Two"])
    tab.evaluate("document.querySelectorAll('.block').forEach((it) => (it.marked = true))")
    gate.set()
    expect(tab.locator(".block")).to_have_text(["One", "Two more"])
    marks = tab.evaluate("[...document.querySelectorAll('.block')].map((it) => it.marked ?? false)")
    assert marks == [True, False]


def test_markdown_that_grows_ends_as_markdown_that_was_whole(tab: Page) -> None:
    text = f"# T\n\n- a\n  - b\n\n1. x\n\n{CODE}\n\n|a|b|\n|-|-:|\n|1|2|\n\n[r] and **b**\r\n\r\nSetext\n--\n\n[r]: https://a.example\n"  # noqa: E501
    same = tab.evaluate(
        """async (text) => {
            const { MarkdownView } = await import("/page/markdown.js");
            const whole = document.createElement("div"), grown = document.createElement("div");
            new MarkdownView(whole).update(text, false);
            const view = new MarkdownView(grown);
            for (let end = 1; end < text.length; end++) view.update(text.slice(0, end), true);
            view.update(text, false);
            await new Promise((resolve) => setTimeout(resolve, 500));
            return [whole.innerHTML === grown.innerHTML, whole.querySelectorAll("a").length];
        }""",
        text,
    )
    assert same == [True, 1]


def test_images_go_along_for_a_model_that_takes_them(peer: Peer, seeing: Page) -> None:
    small = png(3, 2)
    seeing.set_input_files("#attach-file", [file("a.png", "image/png", small)])
    expect(seeing.locator(".attachment img")).to_be_visible()
    peer.answers.append(said("Black."))
    send(seeing, "What is it?")
    expect(seeing.locator(".turn-image")).to_be_visible()
    expect(seeing.locator(ANSWERS)).to_have_text("Black.")
    url = f"data:image/png;base64,{base64.b64encode(small).decode()}"
    assert peer.asked[0]["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "What is it?"},
    ]


def test_a_large_image_is_made_smaller(peer: Peer, seeing: Page) -> None:
    seeing.set_input_files("#attach-file", [file("a.png", "image/png", png(4000, 1000))])
    image = seeing.locator(".attachment img")
    expect(image).to_be_visible()
    assert image.evaluate("(it) => [it.naturalWidth, it.naturalHeight]") == [1568, 392]
    assert (image.get_attribute("src") or "").startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_images_can_be_pasted_and_dropped(seeing: Page, way: str) -> None:
    seeing.evaluate(
        """([way, bytes]) => {
            const data = new DataTransfer();
            data.items.add(new File([new Uint8Array(bytes)], "a.png", { type: "image/png" }));
            const init = { bubbles: true, clipboardData: data, dataTransfer: data };
            const event = way === "drop" ? new DragEvent(way, init) : new ClipboardEvent(way, init);
            document.querySelector("#prompt").dispatchEvent(event);
        }""",
        [way, list(png(2, 2))],
    )
    expect(seeing.locator(".attachment img")).to_be_visible()
    seeing.click("button[aria-label='Remove image 1']")
    expect(seeing.locator(".attachment")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "kind", "body"),
    [("a.svg", "image/svg+xml", b"<svg/>"), ("a.png", "image/png", b"no image")],
    ids=["kind", "content"],
)
def test_a_file_that_is_no_image_is_told(seeing: Page, name: str, kind: str, body: bytes) -> None:
    seeing.set_input_files("#attach-file", [file(name, kind, body)])
    expect(seeing.locator("#toast")).to_be_visible()
    expect(seeing.locator(".attachment")).to_have_count(0)


def test_a_narrow_screen_leaves_a_notice_most_of_its_width(seeing: Page) -> None:
    seeing.set_viewport_size({"width": 360, "height": 640})
    seeing.set_input_files("#attach-file", [file("a.png", "image/png", b"no image")])
    notice = seeing.locator("#toast").bounding_box()
    assert notice is not None
    assert notice["width"] > 230
    assert notice["x"] >= 0


def test_a_model_without_eyes_is_offered_no_images(tab: Page) -> None:
    expect(tab.locator("#attach")).to_be_hidden()


def test_colours_follow_the_system_until_the_user_chooses(peer: Peer, browser: Browser) -> None:
    context = browser.new_context(color_scheme="dark")
    tab = context.new_page()
    tab.goto(peer.url)
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    assert tab.evaluate(colour) == "rgb(23, 24, 27)"
    tab.click("#theme")
    assert tab.evaluate(colour) == "rgb(255, 255, 255)"
    tab.reload()
    assert tab.evaluate(colour) == "rgb(255, 255, 255)"
    tab.click("#theme")
    assert tab.evaluate("localStorage.getItem('theme')") is None
    context.close()


def test_the_list_is_a_drawer_on_a_narrow_screen(peer: Peer, tab: Page) -> None:
    tab.set_viewport_size({"width": 390, "height": 780})
    expect(tab.locator("#sidebar")).to_be_hidden()
    tab.click("#toggle-sidebar")
    expect(tab.locator("#close-sidebar")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.locator("#sidebar")).to_be_hidden()
    expect(tab.locator("#toggle-sidebar")).to_be_focused()
    peer.answers.append(
        said("|a|b|\n|-|-|\n|" + "x" * 300 + "|2|\n\n`" + "y" * 300 + "`\n\n" + CODE)
    )
    send(tab, "w" * 300)
    expect(tab.locator(".code")).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize(
    ("keys", "there"),
    [
        ("?", "#keys"),
        ("Control+,", "#settings"),
        ("Control+k", "#search:focus"),
        ("/", "#prompt:focus"),
        ("Control+Shift+O", "#welcome"),
    ],
)
def test_a_shortcut_brings_what_it_says(tab: Page, keys: str, there: str) -> None:
    tab.focus("#show-settings")
    tab.keyboard.press(keys)
    expect(tab.locator(there)).to_be_visible()


def test_keys_typed_into_the_field_are_text(tab: Page) -> None:
    tab.locator("#prompt").press_sequentially("a/b?")
    expect(tab.locator("#prompt")).to_have_value("a/b?")
    expect(tab.locator("#keys")).to_be_hidden()


def test_tab_reaches_everything_in_reading_order(tab: Page) -> None:
    tab.focus(".skip")
    met = []
    for _ in range(20):
        met.append(tab.evaluate("document.activeElement.id || document.activeElement.className"))
        tab.keyboard.press("Tab")
    order = ["skip", "skip", "new", "search", "import", "export-all", "toggle-sidebar", "model",
             "show-keys", "theme", "show-settings"]  # fmt: skip
    assert met[: len(order)] == order
    assert "prompt" in met


def test_everything_that_can_be_used_has_a_name(peer: Peer, tab: Page) -> None:
    peer.answers.append(said(CODE))
    send(tab, "Code, please")
    expect(tab.locator(".code")).to_be_visible()
    tab.click("#show-settings")
    nameless = tab.evaluate(
        """() => [...document.querySelectorAll("button, input:not([hidden]), select, textarea")]
            .filter((it) => it.type !== "file")
            .filter((it) => !(it.ariaLabel || it.textContent.trim() || it.labels?.length))
            .map((it) => it.outerHTML)"""
    )
    assert nameless == []


def test_what_is_sent_is_shown_wherever_the_user_was_reading(peer: Peer, tab: Page) -> None:
    peer.answers += [said("a\n\n" * 100), said("b\n\n" * 40)]
    send(tab, "Go")
    expect(tab.locator(".stats")).to_be_attached()
    tab.locator("#scroller").evaluate("(it) => (it.scrollTop = 100)")
    expect(tab.locator("#to-end")).to_be_visible()
    send(tab, "On")
    expect(tab.locator(".turn").last).to_contain_text("tokens/s")
    expect(tab.locator(".stats").last).to_be_in_viewport()


def test_reading_back_is_not_scrolled_away(peer: Peer, tab: Page) -> None:
    gate = threading.Event()
    peer.answers.append(
        [chunk(content="line\n\n" * 100), gate, chunk(content="more\n\n" * 50), END]
    )
    send(tab, "Go")
    expect(tab.locator(".block")).to_have_count(100)
    tab.locator("#scroller").evaluate("(it) => (it.scrollTop = 100)")
    expect(tab.locator("#to-end")).to_be_visible()
    gate.set()
    expect(tab.locator(".stats")).to_be_attached()
    assert tab.locator("#scroller").evaluate("(it) => it.scrollTop") == 100
    tab.click("#to-end")
    expect(tab.locator("#to-end")).to_be_hidden()

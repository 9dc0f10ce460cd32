"""What a model writes runs no script, asks no server for anything, and is shown."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.local.server.page.peer import Peer, said

#: Stands for the address of a server that must hear nothing.
TRAP = "http://TRAP"

HOSTILE = {
    "image": "<img src=x onerror=alert(1)>",
    "remote image": f'<img src="{TRAP}/a.png">',
    "markdown image": f"![cat]({TRAP}/a.png)",
    "markdown image by reference": f"![cat][x]\n\n[x]: {TRAP}/a.png",
    "image title": f"![a]({TRAP}/x \"onerror=alert(1)\")",
    "image alt": f"![\" onerror=alert(1) x=\"]({TRAP}/x)",
    "script": "<script>alert(1)</script>",
    "script in a list": "- <script>alert(1)</script>",
    "javascript link": "[click](javascript:alert(1))",
    "hidden javascript link": "[click](java&#x0A;script&colon;alert(1))",
    "data link": "[click](data:text/html,<script>alert(1)</script>)",
    "vbscript link": "[click](vbscript:alert(1))",
    "file link": "[click](file:///etc/passwd)",
    "relative link": "[click](/v1/models)",
    "autolink": "<javascript:alert(1)>",
    "link title": '[a](https://example.org "\\" onmouseover=alert(1)")',
    "svg": f"<svg onload=alert(1)><image href='{TRAP}/a'/></svg>",
    "iframe": f"<iframe src='{TRAP}'></iframe><iframe srcdoc='<script>alert(1)</script>'>",
    "style": f"<style>@import '{TRAP}/a.css'; body {{ display: none }}</style>",
    "inline style": f"<div style=\"background: url({TRAP}/a)\">x</div>",
    "link element": f"<link rel=stylesheet href='{TRAP}/a.css'>",
    "meta": f"<meta http-equiv=refresh content='0; url={TRAP}'>",
    "base": f"<base href='{TRAP}/'>",
    "form": f"<form action='{TRAP}'><button id=send>Send</button></form>",
    "object": f"<object data='{TRAP}/a'></object><embed src='{TRAP}/a'>",
    "video": f"<video src='{TRAP}/a' autoplay onerror=alert(1)></video>",
    "preload": f"<link rel=preload as=image href='{TRAP}/a'>",
    "mathml": "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 "
    "onerror=alert(1)&gt;'>",
    "noscript": '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
    "template": "<template><img src=x onerror=alert(1)></template>",
    "details": "<details open ontoggle=alert(1)>x</details>",
    "clobbering": "<a id=prompt></a><input name=body><img name=getElementById>",
    "code language": "```\"><img/src=x/onerror=alert(1)>\nx\n```",
    "code": "```html\n<img src=x onerror=alert(1)><script>alert(1)</script>\n```",
    "code span": "`<img src=x onerror=alert(1)>`",
    "table": "|<img src=x onerror=alert(1)>|b|\n|-|-|\n|<script>alert(1)</script>|2|",
    "comment": "<!-- --!><img src=x onerror=alert(1)> -->",
    "cdata": "<![CDATA[<img src=x onerror=alert(1)>]]>",
    "entities": "&lt;img src=x onerror=alert(1)&gt; &#60;script&#62;alert(1)&#60;/script&#62;",
    "nul": "<scr\0ipt>alert(1)</scr\0ipt>",
    "right to left": "\u202e[txt](https://example.org)",
}  # fmt: skip

#: Elements and attributes that no text of a model may bring about.
FORBIDDEN = (
    "script, style, link, meta, base, form, input, iframe, object, embed, video, audio, svg image,"
    " math, template, [onerror], [onload], [onclick], [style], [srcdoc], [src], a:not([href^=http])"
)


class Trap:
    """Listens, and counts who comes."""

    def __init__(self) -> None:
        self.n_visits = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._count)
        self._thread.start()

    def _count(self) -> None:
        while True:
            try:
                visitor, _ = self._listener.accept()
            except OSError:
                return
            self.n_visits += 1
            visitor.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


@pytest.fixture
def trap() -> Iterator[Trap]:
    trap = Trap()
    yield trap
    trap.close()


@pytest.fixture
def told(peer: Peer, visit: Callable[[str], Page]) -> Callable[[str], Page]:
    """The page after a model has said something; an alert fails the test."""

    def told(text: str) -> Page:
        tab = visit(peer.url)
        alerts: list[str] = []
        tab.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
        peer.answers.append(said(text))
        tab.fill("#prompt", "Go on")
        tab.press("#prompt", "Enter")
        expect(tab.locator(".stats")).to_be_visible()
        assert alerts == []
        return tab

    return told


def test_hostile_answers_are_only_text(told: Callable[[str], Page], trap: Trap) -> None:
    # One after the other through the door that every answer takes, cut as streams are: a page
    # for each would take minutes, and in one answer they could hide each other.
    tab = told("Harmless")
    found = tab.evaluate(
        """async ([texts, forbidden]) => {
            const { MarkdownView } = await import("/page/markdown.js");
            window.alert = () => (window.fired = true);
            const wrong = {};
            for (const [name, text] of texts) {
                for (const size of [3, 17, 1e9]) {
                    const root = document.createElement("div");
                    document.querySelector("#thread").append(root);
                    const view = new MarkdownView(root);
                    for (let end = size; end < text.length; end += size)
                        view.update(text.slice(0, end), true);
                    view.update(text, false);
                    for (const link of root.querySelectorAll("a")) link.dispatchEvent(
                        new MouseEvent("mouseover"));
                    const bad = root.querySelector(forbidden);
                    if (bad) wrong[name] = bad.outerHTML;
                    if (!root.textContent.trim() && name !== "markdown image by reference")
                        wrong[name] = "nothing is shown";
                }
            }
            await new Promise((resolve) => setTimeout(resolve, 300));
            if (window.fired) wrong.fired = "a script ran";
            return wrong;
        }""",
        [[(name, text.replace(TRAP, trap.url)) for name, text in HOSTILE.items()], FORBIDDEN],
    )
    assert found == {}
    assert trap.n_visits == 0


@pytest.mark.parametrize("name", ["image", "remote image", "markdown image", "svg", "mathml"])
def test_a_hostile_answer_is_shown_as_text(
    told: Callable[[str], Page], trap: Trap, name: str
) -> None:
    text = HOSTILE[name].replace(TRAP, trap.url)
    tab = told(text)
    shown = tab.locator(".turn.assistant .markdown")
    expect(shown).to_contain_text("cat" if name == "markdown image" else text)
    assert shown.locator("img").count() == 0
    assert trap.n_visits == 0


def test_hostile_thoughts_titles_and_questions_are_text(peer: Peer, tab: Page) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    peer.answers.append(said("Yes"))
    tab.fill("#prompt", hostile)
    tab.press("#prompt", "Enter")
    expect(tab.locator(".turn.user .markdown")).to_have_text(hostile)
    expect(tab.locator(".conversation")).to_have_text(hostile)
    assert tab.locator("#thread img, #sidebar li img").count() == 0


def test_hostile_names_of_models_are_text(peer: Peer, visit: Callable[[str], Page]) -> None:
    hostile = '"><img src=x onerror=alert(1)>'
    peer.cards = [{"id": hostile, "capabilities": ["vision"]}]
    tab = visit(peer.url)
    expect(tab.locator("#model option")).to_have_text(hostile)
    assert tab.locator("main img").count() == 0


def test_a_link_shows_where_it_goes_and_tells_nothing_of_the_page(
    told: Callable[[str], Page],
) -> None:
    shown = told("[your bank](https://evil.example/login)").locator(".assistant .markdown")
    expect(shown).to_have_text("your bank evil.example")
    link = shown.locator("a")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(link).to_have_attribute("target", "_blank")


def test_the_policy_stops_what_gets_past_the_page(
    peer: Peer, browser_page: Page, trap: Trap
) -> None:
    browser_page.goto(peer.url)
    ran = browser_page.evaluate(
        """async (url) => {
            window.fired = [];
            const done = (name) => () => window.fired.push(name);
            Object.assign(new Image(), { onload: done("image"), src: url + "/a.png" });
            const script = document.createElement("script");
            script.append("window.fired.push('inline')");
            try { document.body.innerHTML += "<img src=x>"; done("markup")(); } catch {}
            try { document.body.append(script); } catch {}
            await fetch(url).then(done("fetch"), () => {});
            return window.fired;
        }""",
        trap.url,
    )
    assert ran == []
    assert trap.n_visits == 0


def test_the_page_is_shown_in_no_frame(peer: Peer, browser_page: Page) -> None:
    browser_page.set_content(f"<iframe src='{peer.url}/' onload='document.title = \"done\"'>")
    expect(browser_page).to_have_title("done")
    frame = browser_page.frames[1]
    assert frame.url != f"{peer.url}/" or frame.locator("#prompt").count() == 0


@pytest.mark.parametrize(
    "text",
    [
        "|a|b|\n|-|-|\n" + "|1|2|\n" * 30_000,
        ">" * 20_000 + " deep",
        "- " * 5_000 + "deep",
        "[" * 20_000,
        "*" * 50_000,
        "`" * 50_000,
        "```python\n" + "x = [1, 2]\n" * 20_000,
        "word " * 60_000,
        "<" * 50_000,
        "![" * 20_000,
    ],
    ids=["table", "quotes", "lists", "brackets", "stars", "ticks", "code", "words", "tags",
         "images"],
)  # fmt: skip
def test_an_answer_of_any_shape_leaves_the_page_alive(
    told: Callable[[str], Page], text: str
) -> None:
    tab = told(text)
    tab.fill("#prompt", "Still there?")
    expect(tab.locator("#send")).to_be_enabled()
    assert tab.locator(".turn.assistant .markdown").evaluate("(it) => it.textContent.length") > 0

"""The usage page in a browser: what it shows of calls, and how it is used."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.llmring.server.page.conftest import TODAY
from tests.llmring.server.servers import ADMIN_KEY, Client

Note = Callable[..., None]
Enter = Callable[..., Page]


def marks(tab: Page, plot: str) -> list[str]:
    """What the bars of a plot stand for, as a screen reader says it."""
    expect(tab.locator(f"#by-{plot} .mark").first).to_be_attached()
    found: list[str] = tab.eval_on_selector_all(
        f"#by-{plot} .mark", "(all) => all.map((it) => it.getAttribute('aria-label'))"
    )
    return found


def chosen_span(tab: Page, name: str) -> None:
    tab.locator("#span label").filter(has_text=name).click()


def test_the_key_is_asked_for_and_kept_for_the_tab(
    enter: Enter, note: Note, tenant: Client
) -> None:
    note(cost=0.5)
    tab = enter()
    expect(tab.locator("#total-cost")).to_have_text("$0.50")
    kept = tab.evaluate("[Object.values(sessionStorage), Object.values(localStorage)]")
    assert kept == [[tenant.key], []]
    tab.reload()
    expect(tab.locator("#total-cost")).to_have_text("$0.50")
    assert tab.evaluate("document.body.textContent").find(str(tenant.key)) == -1


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("llmr_pk_" + "0" * 32, "The server does not take that key."),
        (ADMIN_KEY, "the admin's key makes keys, and has no data; use a tenant's key"),
    ],
    ids=["wrong", "the admin's"],
)
def test_a_key_that_opens_nothing_is_told(
    enter: Enter, note: Note, tenant: Client, key: str, told: str
) -> None:
    note()
    tab = enter(key)
    expect(tab.locator("#key-reason")).to_have_text(told)
    tab.click("#key-cancel")
    expect(tab.locator("#problem")).to_contain_text("who has a key")
    tab.click("#problem-retry")
    tab.fill("#key-value", str(tenant.key))
    tab.click("text=Use this key")
    expect(tab.locator("#total-calls")).to_have_text("1")


def test_a_key_that_no_header_can_carry_is_not_sent(enter: Enter) -> None:
    tab = enter("schlüssel")
    expect(tab.locator("#key-dialog")).to_be_visible()
    assert tab.locator("#key-value").evaluate("(it) => it.validationMessage").startswith("A key is")


def test_another_key_can_be_used_and_the_first_stays_until_then(enter: Enter, note: Note) -> None:
    note()
    tab = enter()
    tab.click("#change-key")
    tab.click("#key-cancel")
    tab.click("#refresh")
    expect(tab.locator("#total-calls")).to_have_text("1")


def test_a_server_without_keys_says_how_to_make_the_first(blank: Page, tenant: Client) -> None:
    blank.route("**/health", lambda route: route.fulfill(json={"needs_first_key": True}))
    blank.goto(tenant.url)
    command = f"llmring server init --server {tenant.url}"
    expect(blank.locator("#key-first pre")).to_have_text(command)


def test_totals_and_plots_tell_what_the_server_knows(enter: Enter, note: Note) -> None:
    note(cost=1.25, input_tokens=1000, cached_input_tokens=400, output_tokens=50, alias="fast")
    note("2026-03-14", cost=0.25, input_tokens=500, provider="google", model="g", origin="bot")
    tab = enter()
    shown = tab.locator(".totals dd")
    expect(shown).to_have_text(["$1.50", "2", "1,500", "400", "50"])
    assert marks(tab, "model") == [
        "openai:gpt-4o: $1.25, 1 call, 1,000 tokens in, 50 out",
        "google:g: $0.25, 1 call, 500 tokens in, 0 out",
    ]
    assert [told.partition(":")[0] for told in marks(tab, "origin")] == ["llmring", "bot"]
    assert marks(tab, "alias")[1].startswith("asked without an alias: $0.25")
    tab.click("#by-model summary")
    row = tab.locator("#by-model tbody tr").first.locator("th, td")
    expect(row).to_have_text(["openai:gpt-4o", "$1.25", "1", "1,000", "400", "50", ""])


def test_days_without_calls_are_there(enter: Enter, note: Note) -> None:
    note("2026-03-09", cost=1)
    note("2026-03-08", cost=1)  # the day before the seven
    tab = enter()
    chosen_span(tab, "7 days")
    expect(tab.locator("#by-day .mark")).to_have_count(7)
    told = marks(tab, "day")
    assert told[0].startswith("Mon, Mar 9, 2026: $1.00, 1 call,")
    assert told[6].startswith("Sun, Mar 15, 2026: $0, 0 calls,")


def test_a_bar_is_looked_at_alone_and_left_again(enter: Enter, note: Note) -> None:
    note(cost=1, model="a:b")
    note(cost=2, model="other")
    tab = enter()
    tab.locator("#by-model .mark").nth(1).click()
    expect(tab.locator("#total-cost")).to_have_text("$1.00")
    expect(tab.locator("#calls tbody tr")).to_have_count(1)
    chip = tab.locator(".chip")
    expect(chip).to_contain_text("Model: openai:a:b")
    chip.click()
    expect(tab.locator("#total-cost")).to_have_text("$3.00")
    expect(chip).to_have_count(0)
    tab.click("#by-origin summary")
    tab.locator("#by-origin .pick").click()
    expect(chip).to_contain_text("Origin: llmring")
    expect(tab.locator("#by-origin .mark")).to_have_attribute("aria-pressed", "true")


def test_a_day_is_looked_at_alone(enter: Enter, note: Note) -> None:
    note("2026-03-14", cost=1)
    note(cost=2)
    tab = enter()
    tab.locator("#by-day .mark").nth(28).click()
    expect(tab.locator("#total-cost")).to_have_text("$1.00")
    assert (tab.input_value("#from"), tab.input_value("#to")) == ("2026-03-14", "2026-03-14")
    expect(tab.locator("#by-day .mark")).to_have_count(1)


def test_dates_in_the_wrong_order_are_told(enter: Enter, note: Note) -> None:
    note()
    tab = enter()
    chosen_span(tab, "From")
    expect(tab.locator("#by-day .mark")).to_have_count(30)
    tab.fill("#from", "2026-04-01")
    expect(tab.locator("#dates-wrong")).to_be_visible()
    tab.fill("#to", "9999-12-31")
    expect(tab.locator("#nothing")).to_be_visible()
    tab.click("#show-all")
    expect(tab.locator("#total-calls")).to_have_text("1")


def test_calls_without_a_price_are_told(enter: Enter, note: Note) -> None:
    note(cost=1)
    note(provider="somebody", model="own", input_tokens=5)
    tab = enter()
    expect(tab.locator("#unpriced")).to_have_text(
        "The price of 1 of 2 calls is not known. They count as $0."
    )
    assert "(1 without a known price)" in marks(tab, "model")[1]
    expect(tab.locator("#calls tbody tr", has_text="somebody:own")).to_contain_text("not known")


def test_tokens_are_shown_where_nothing_costs_anything(enter: Enter, note: Note) -> None:
    note(provider="local", model="tiny", input_tokens=30, output_tokens=10)
    tab = enter()
    expect(tab.locator("#legend")).to_be_visible()
    bars = tab.locator("#by-model .mark .part")
    widths = bars.evaluate_all("(all) => all.map((it) => Number(it.getAttribute('width')))")
    assert widths[0] == pytest.approx(3 * widths[1])
    tab.locator("#measure label", has_text="Calls").click()
    expect(bars).to_have_count(1)


def test_a_page_without_calls_says_how_to_note_some(enter: Enter, tenant: Client) -> None:
    tab = enter()
    expect(tab.locator("#start")).to_contain_text(f"llmring server init --server {tenant.url}")
    expect(tab.locator("#found")).to_be_hidden()


def test_the_command_that_the_page_tells_notes_a_call(enter: Enter, tenant: Client) -> None:
    text = enter().locator("#start pre").nth(1).text_content() or ""
    body = re.search(r"-d '(.*)'", text)
    assert body is not None
    assert tenant.post("/log", json.loads(body[1]))["cost"] > 0


def test_older_calls_follow_and_none_comes_twice(enter: Enter, tenant: Client) -> None:
    def some(count: int, hour: int) -> list[dict[str, str]]:
        moments = [f"{TODAY}T{hour}:{i:02}:00Z" for i in range(count)]
        return [{"provider": "p", "model": "m", "timestamp": moment} for moment in moments]

    tenant.post("/log/batch", {"records": some(30, 10)})
    tab = enter()
    rows = tab.locator("#calls tbody tr")
    expect(rows).to_have_count(25)
    tenant.post("/log/batch", {"records": some(3, 11)})
    tab.click("#older")
    expect(rows).to_have_count(30)
    expect(tab.locator("#older")).to_be_hidden()


def test_a_server_that_is_away_is_told_and_asked_again(enter: Enter, note: Note) -> None:
    note(cost=1)
    tab = enter()
    expect(tab.locator("#total-cost")).to_have_text("$1.00")
    tab.route("**/api/v1/stats*", lambda route: route.abort())
    tab.click("#refresh")
    expect(tab.locator("#problem")).to_contain_text("cannot be reached")
    expect(tab.locator("#content")).to_be_hidden()
    tab.unroute("**/api/v1/stats*")
    tab.click("#problem-retry")
    expect(tab.locator("#content")).to_be_visible()
    expect(tab.locator("#problem")).to_be_hidden()


def test_the_last_choice_wins_however_late_an_answer_comes(enter: Enter, note: Note) -> None:
    note("2026-01-01", cost=4)
    note(cost=1)
    tab = enter()
    expect(tab.locator("#total-cost")).to_have_text("$1.00")
    held: list[Route] = []
    of_all_days = re.compile(r"/stats$")  # without a query
    tab.route(of_all_days, lambda route: held.append(route))
    chosen_span(tab, "All")
    chosen_span(tab, "7 days")
    expect(tab.locator("#by-day .mark")).to_have_count(7)
    for route in held:
        route.abort()
    expect(tab.locator("#total-cost")).to_have_text("$1.00")
    expect(tab.locator("#problem")).to_be_hidden()


def test_keys_go_through_a_plot_and_choose(enter: Enter, note: Note) -> None:
    for cost, origin in ((3, "a"), (2, "b"), (1, "c")):
        note(cost=cost, origin=origin)
    tab = enter()
    expect(tab.locator("#by-origin .mark[tabindex='0']")).to_have_count(1)
    tab.locator("#by-origin .mark").first.focus()
    for key in ("ArrowDown", "End", "ArrowDown", "ArrowUp"):
        tab.keyboard.press(key)
    expect(tab.locator("#by-origin .readout")).to_have_text("b: $2.00, 1 call, 0 tokens in, 0 out")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.tagName") == "SUMMARY"
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Enter")
    expect(tab.locator("#total-cost")).to_have_text("$2.00")


def test_everything_that_can_be_used_has_a_name(enter: Enter, note: Note) -> None:
    note(cost=1, alias="fast")
    tab = enter()
    marks(tab, "alias")
    nameless = tab.evaluate(
        """() => [...document.querySelectorAll("button, input, summary, [role], [tabindex]")]
            .filter((it) => it.checkVisibility() && it.tabIndex >= 0)
            .filter((it) => !(it.ariaLabel || it.getAttribute("aria-label") || it.labels?.length
                || it.textContent.trim()))
            .map((it) => it.outerHTML)"""
    )
    assert nameless == []


def test_a_narrow_screen_holds_it_all(enter: Enter, note: Note) -> None:
    note(cost=1, model="m" * 300, origin="a word " * 40, alias="fast")
    tab = enter()
    marks(tab, "model")
    tab.set_viewport_size({"width": 360, "height": 700})
    for summary in tab.locator("summary").all():
        summary.click()
    tab.locator("#by-model .mark").click()
    expect(tab.locator(".chip")).to_be_visible()
    drawing = "document.querySelector('#by-model svg').clientWidth"
    tab.wait_for_function(f"{drawing} > 100 && {drawing} < 360")
    assert tab.evaluate("document.documentElement.scrollWidth") == 360


def test_colours_follow_the_system_until_the_user_chooses(browser: Browser, tenant: Client) -> None:
    context = browser.new_context(color_scheme="dark")
    tab = context.new_page()
    tab.goto(tenant.url)
    tab.click("#key-cancel")
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    assert tab.evaluate(colour) == "rgb(30, 31, 35)"
    tab.click("#theme")
    assert tab.evaluate(colour) == "rgb(246, 246, 244)"
    context.close()

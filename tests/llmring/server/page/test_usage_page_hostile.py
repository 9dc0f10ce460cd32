"""What clients call their models, origins and aliases is text, however long, odd or many."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.llmring.server.servers import Client

Enter = Callable[..., Page]
NAMES = {
    "image": "<img src=x onerror=alert(1)>",
    "script": "</text></svg><script>alert(1)</script>",
    "svg": "<svg onload=alert(1)><a href='javascript:alert(1)'>x</a></svg>",
    "entities": "&lt;img src=x onerror=alert(1)&gt; &#60;b&#62;",
    "quotes": "\"'`><b onmouseover=alert(1)>",
    "right to left": "\u202egnp.exe\u2066\u202d שלום",
    "control": "a\0b\x1b[31m\r\nc\u2028d",
    "lone surrogate": "x\ud800y",
    "clusters": "👩‍👩‍👧‍👦" * 50 + "Z͑ͫ̓ͪ̂ͫ̽͏" * 20,
    "query": "a&since=2030-01-01&provider=x#?%00",
    "prototype": "__proto__",
    "spaces": "   ",
    "longest": "W" * 1000,
}


MOMENT = "2026-03-15T12:00:00Z"


def test_hostile_names_are_only_text(enter: Enter, tenant: Client) -> None:
    calls = [
        {"provider": name, "model": name, "origin": name, "alias": name, "timestamp": MOMENT}
        for name in NAMES.values()
    ]
    tenant.post("/log/batch", {"records": calls})
    tab = enter()
    for plot in ("model", "origin", "alias"):
        expect(tab.locator(f"#by-{plot} .mark")).to_have_count(9)
        for mark in tab.locator(f"#by-{plot} .mark").all():
            mark.hover()
        shown = tab.locator(f"#by-{plot} tbody .name")
        names = {f"{name}:{name}" if plot == "model" else name for name in NAMES.values()}
        # A lone surrogate is a mark of its own in the browser, or on the way from there.
        whole = {name.replace("\ud800", "\ufffd") for name in names if name.strip()}
        found = {text.replace("\ud800", "\ufffd") for text in shown.all_text_contents()}
        assert found == whole | ({'"   "'} if plot != "model" else set())
    made = "script:not([src]), img:not([src^=page]), b, a:not(.skip), [onload], [onerror]"
    assert tab.locator(f"main :is({made})").count() == 0
    assert tab.evaluate("document.documentElement.scrollWidth") == 1180


def test_a_name_is_asked_for_as_it_is(enter: Enter, tenant: Client) -> None:
    names = ["a&since=2030-01-01#?%00", "__proto__", "\u202eab", "é 👩‍👩‍👧‍👦", " "]
    records = [
        {"provider": "p", "model": "m", "origin": name, "timestamp": MOMENT} for name in names
    ]
    tenant.post("/log/batch", {"records": records})
    tab = enter()
    tab.click("#by-origin summary")
    for i in range(len(names)):
        expect(tab.locator("#by-origin .pick")).to_have_count(len(names))
        tab.locator("#by-origin .pick").nth(i).click()
        expect(tab.locator("#total-calls")).to_have_text("1")
        tab.click(".chip")


def totals(key: str | None, **more: Any) -> dict[str, Any]:
    known = {"calls": 1, "input_tokens": 1, "output_tokens": 1, "cached_input_tokens": 0}
    return {"key": key, **known, "cost": 1.0, "unpriced": 0, **more}


@pytest.fixture
def told(blank: Page, tenant: Client) -> Callable[..., Page]:
    """The page of a server that says something else: `told(by_model=[…])`."""

    def told(**parts: Any) -> Page:
        one = [totals("x")]
        body = {"summary": totals(None, calls=10_000, cost=10_000.0), "by_model": one}
        body |= {"by_day": [totals("2026-03-15")], "by_origin": one, "by_alias": one} | parts
        blank.route("**/api/v1/stats*", lambda route: route.fulfill(json=body))
        blank.goto(tenant.url)
        blank.fill("#key-value", str(tenant.key))
        blank.press("#key-value", "Enter")
        expect(blank.locator("#by-alias .mark").first).to_be_attached()
        return blank

    return told


def test_ten_thousand_names_are_the_largest_and_the_others(told: Callable[..., Page]) -> None:
    names = [totals(f"p:{i}", cost=float(i)) for i in range(10_000)]
    tab = told(by_model=names, by_origin=names, by_alias=names)
    rows = tab.locator("#by-model .mark")
    expect(rows).to_have_count(9)
    assert (rows.first.get_attribute("aria-label") or "").startswith("p:9999: $9,999.00")
    rest = sum(range(9_992))
    others = f"9,992 other models: ${rest / 1e6:.2f}M, 9,992 calls"
    assert (rows.last.get_attribute("aria-label") or "").startswith(others)
    expect(tab.locator("#by-model tbody tr")).to_have_count(101)
    expect(tab.locator("#by-model .readout")).to_have_text("10,000 models")


def test_names_of_ten_kilobytes_are_cut_where_they_are_drawn(told: Callable[..., Page]) -> None:
    tab = told(
        by_model=[totals("<b>" * 4000), totals("👩‍👩‍👧‍👦" * 1000), totals("\u202e" * 10_000)]
    )
    drawn = tab.locator("#by-model svg .name").all_text_contents()
    assert all(len(text) < 300 and text.endswith("…") for text in drawn)
    inside = tab.eval_on_selector_all(
        "#by-model svg .name", "(all) => all.every((it) => it.getBBox().width < 330)"
    )
    assert inside
    assert tab.evaluate("document.documentElement.scrollWidth") == 1180


SPANS = [
    ("2026-03-15", "2026-03-15", "day", 1),
    ("2025-12-06", "2026-03-15", "day", 100),
    ("2025-12-05", "2026-03-15", "week", 15),
    ("2024-02-29", "2026-03-15", "month", 26),
    ("2010-01-01", "2026-03-15", "year", 17),
    ("0001-01-01", "9999-12-31", "100 years", 100),
    ("0042-12-31", "0043-01-01", "day", 2),
]
COLUMNS = """async (spans) => {
    const { columnsOf, numberOf, keyOf } = await import("/page/days.js");
    const { add, NOTHING } = await import("/page/totals.js");
    return spans.map(([first, last]) => {
        const [from, to] = [numberOf(first), numberOf(last)];
        const step = Math.max(1, Math.floor((to - from) / 5000));
        const days = [];
        for (let day = from; day <= to; day += step)
            days.push({ ...NOTHING, key: keyOf(day), calls: 1 });
        const { unit, columns } = columnsOf(days, from, to, add, NOTHING);
        const gaps = columns.slice(1).filter((one, i) => one.from !== columns[i].to + 1).length;
        const lost = days.length - columns.reduce((sum, one) => sum + one.totals.calls, 0);
        const ends = [keyOf(columns[0].from), keyOf(columns.at(-1).to)];
        return [...ends, unit, columns.length, gaps, lost];
    });
}"""


def test_columns_hold_every_day_of_a_span(blank: Page, tenant: Client) -> None:
    blank.goto(tenant.url)
    assert blank.evaluate(COLUMNS, SPANS) == [[*span, 0, 0] for span in SPANS]


def test_a_plot_of_ten_thousand_days_is_drawn(told: Callable[..., Page]) -> None:
    start = datetime.date(1998, 10, 30)
    days = [totals(str(start + datetime.timedelta(days=i))) for i in range(10_000)]
    tab = told(by_day=days)
    tab.locator("#span label").filter(has_text="All").click()
    expect(tab.locator("#by-day h2")).to_have_text("By year")
    expect(tab.locator("#by-day .mark")).to_have_count(29)


def answering(body: str) -> Callable[[Route], None]:
    def answer(route: Route) -> None:
        route.fulfill(body=body)

    return answer


def test_an_answer_that_is_none_is_told(enter: Enter, tenant: Client) -> None:
    tenant.post("/log", {"provider": "p", "model": "m", "timestamp": MOMENT})
    tab = enter()
    for body in ("", "<html>", "[]", "null", '{"summary": 1}', '{"summary": {"calls": 1}}'):
        expect(tab.locator("#found")).to_be_visible()
        tab.route("**/api/v1/stats*", answering(body))
        tab.click("#refresh")
        expect(tab.locator("#problem")).to_be_visible()
        tab.unroute("**/api/v1/stats*")
        tab.click("#problem-retry")

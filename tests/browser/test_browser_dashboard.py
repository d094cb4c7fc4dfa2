"""The dashboard in a browser: charts with the stack's numbers, alarms with their reasons, by keyboard, live."""

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from devtools.local_stack.layout import Stack
from tests.browser.checks import findings, narrow, tab_to, too_wide
from tests.console.test_console_dashboard import REAL, example, line, shown

pytestmark = pytest.mark.slow

Visit = Callable[[str], Page]
TICK_FILL = "getComputedStyle(document.querySelector('.xtick text')).fill"
TEXTS = "Accepted, sent, delivered"


def send(stack: Stack, last: str) -> None:
    body = {"to": f"+1575555{last}", "message": "Hello"}
    headers = {"x-api-key": stack.api_key}
    answer = httpx.post(f"{stack.api_url}/sms/queue", json=body, headers=headers, timeout=60, trust_env=False)
    answer.raise_for_status()


def card(page: Page, title: str) -> Locator:
    return page.get_by_role("region", name=title, exact=True)


def accepted(page: Page) -> Locator:
    return card(page, "In the time shown").locator("dd").first


def count(page: Page) -> int:
    return int(re.sub(r"\D", "", accepted(page).inner_text()))


def counted(page: Page, least: int) -> None:
    """Wait for so many accepted texts. The stack is that of all tests, whose texts count too."""
    page.wait_for_function(
        "([number, least]) => Number(number.textContent.replace(/\\D/g, '')) >= least",
        arg=[accepted(page).element_handle(), least],
    )


@pytest.fixture
def dashboard(stack: Stack, visit: Visit) -> Page:
    """The page, with at least one text in its charts."""
    send(stack, "0108")
    page = visit("/dashboard?range=1h")
    expect(accepted(page)).to_have_text(re.compile(r"[1-9]"))
    return page


# Any: JSON of the page.
def answering(page: Page, answer: dict[str, Any]) -> None:
    """Let the page be answered by this."""

    def answered(route: Route) -> None:
        route.fulfill(content_type="text/event-stream", body=f"data: {json.dumps(answer)}\n\n")

    page.route("**/api/dashboard*", answered)


@pytest.mark.also_firefox
def test_the_charts_are_drawn_and_go_on_by_themselves(stack: Stack, dashboard: Page) -> None:
    page = dashboard
    chart = card(page, TEXTS)
    # A line has its path, and a number that stands alone is a point.
    expect(chart.locator(".plot svg path.js-line, .plot svg path.point").first).to_be_attached()
    expect(chart.get_by_role("img", name=re.compile(rf"^{TEXTS}: accepted \d+; sent"))).to_be_visible()
    expect(page.locator("section.chart .plot svg.main-svg").first).to_be_attached()
    for title in REAL["basic"].widgets:
        if title.title:
            expect(card(page, title.title)).to_be_visible()
    before = count(page)
    send(stack, "0109")
    counted(page, before + 1)


def test_an_alarm_says_why_and_leads_to_its_runbook(dashboard: Page) -> None:
    page = dashboard
    alarms = card(page, "Alarms").get_by_role("listitem")
    expect(alarms).to_have_count(len(REAL["basic"].alarms))
    alarm = alarms.filter(has_text="Oldest text")
    expect(alarm.locator(".badge")).to_have_text(re.compile("ok|alarm|no data"))
    expect(alarm.locator(".reason")).to_have_text(re.compile(r"(value|in \d)"))
    tab_to(page, alarm.locator("summary"))
    page.keyboard.press("Enter")
    tab_to(page, alarm.get_by_role("link", name="Runbook of Oldest text"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Oldest text", exact=True)).to_be_in_viewport()


def test_the_colours_of_the_charts_change_with_the_pages(dashboard: Page) -> None:
    page = dashboard
    tick = card(page, TEXTS).locator(".plot .xtick text").first
    page.emulate_media(color_scheme="light")
    expect(tick).to_be_attached()
    light = page.evaluate(TICK_FILL)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "(was) => getComputedStyle(document.querySelector('.xtick text')).fill !== was", arg=light
    )
    dark = page.evaluate(TICK_FILL)
    # What was chosen counts more than the system.
    button = page.get_by_role("button", name="Colours:")
    button.click()
    page.wait_for_function(
        "(was) => getComputedStyle(document.querySelector('.xtick text')).fill === was", arg=light
    )
    button.click()
    page.wait_for_function(
        "(was) => getComputedStyle(document.querySelector('.xtick text')).fill === was", arg=dark
    )


def test_a_chart_is_a_table_by_keyboard_and_stays_open_while_numbers_come(stack: Stack, dashboard: Page) -> None:
    page = dashboard
    chart = card(page, TEXTS)
    tab_to(page, chart.locator("summary"))
    page.keyboard.press("Enter")
    table = chart.get_by_role("table")
    expect(table.get_by_role("columnheader")).to_have_text(
        ["time", "accepted", "sent", "delivered", "not delivered", "not sent"]
    )
    expect(table.get_by_role("rowheader").first).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    before = count(page)
    page.evaluate("for (const one of document.querySelectorAll('section, .plot')) one.marked = true")
    send(stack, "0110")
    counted(page, before + 1)
    expect(table).to_be_visible()
    expect(chart.locator("summary")).to_be_focused()
    assert page.evaluate("[...document.querySelectorAll('section, .plot')].every((one) => one.marked)")


def test_a_series_can_be_hidden(dashboard: Page) -> None:
    chart = card(dashboard, TEXTS)
    entry = chart.get_by_role("button", name="accepted")
    traces = chart.locator(".plot .scatterlayer .trace")
    before = traces.count()
    entry.press("Enter")
    expect(entry).to_have_attribute("aria-pressed", "false")
    expect(traces).to_have_count(before - 1)
    entry.press("Enter")
    expect(traces).to_have_count(before)


@pytest.mark.also_firefox
def test_the_time_shown_is_chosen_by_keyboard_and_is_in_the_address(dashboard: Page) -> None:
    page = dashboard
    hour = page.locator("#summary").inner_text()
    tab_to(page, page.get_by_role("radio", name="1 h"))
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("radio", name="15 min")).to_be_checked()
    expect(page).to_have_url(re.compile(r"\?range=15m$"))
    expect(page.locator("#summary")).not_to_have_text(hour)
    page.reload()
    expect(page.get_by_role("radio", name="15 min")).to_be_checked()


def test_it_is_accessible_in_light_and_dark_wide_and_narrow(dashboard: Page) -> None:
    page = dashboard
    page.emulate_media(color_scheme="light")
    card(page, TEXTS).locator("summary").click()
    assert findings(page) == []
    assert too_wide(page) == []
    page.emulate_media(color_scheme="dark")
    narrow(page)
    assert findings(page) == []
    assert too_wide(page) == []
    columns = page.evaluate("new Set([...document.querySelectorAll('.widget')].map((one) => one.offsetLeft)).size")
    assert columns == 1


def test_without_texts_it_says_what_to_do(visit: Visit, page: Page) -> None:
    answering(page, shown(REAL["basic"]))
    visit("/dashboard")
    expect(page.get_by_role("heading", name="Nothing has happened in this time")).to_be_visible()
    expect(page.get_by_text('make dashboard ARGS="--demo"')).to_be_visible()
    expect(card(page, TEXTS).get_by_text("No data")).to_be_visible()
    expect(card(page, "Warnings and errors").get_by_text("No log line matches")).to_be_visible()


def test_every_widget_of_the_large_dashboard_is_drawn(visit: Visit, page: Page) -> None:
    answering(page, shown(REAL["full"]))
    visit("/dashboard")
    expect(page.locator(".widget")).to_have_count(len(REAL["full"].widgets))
    charts = [one for one in shown(REAL["full"])["widgets"] if one["kind"] == "chart"]
    expect(page.locator(".plot svg.main-svg .xaxislayer-above")).to_have_count(len(charts))
    expect(card(page, "Capacity used").get_by_text("Published by AWS only")).to_be_visible()
    expect(card(page, "Alarms").get_by_role("listitem")).to_have_count(27)


def test_words_of_the_log_are_no_markup(visit: Visit, page: Page) -> None:
    bad = '<img src="/nothing" onerror="document.title = 1"><b>bold</b>'
    refused = {"level": "WARNING", "message": bad, "message_id": "../x?y"}
    answering(page, shown(example(), line(5_000, refused)))
    visit("/dashboard")
    cell = card(page, "Lately refused").get_by_role("cell", name=bad)
    expect(cell).to_have_text(bad)
    assert cell.locator("img, b").count() == 0
    link = card(page, "Lately refused").get_by_role("link", name="../x?y")
    expect(link).to_have_attribute("href", "/texts/..%2Fx%3Fy")

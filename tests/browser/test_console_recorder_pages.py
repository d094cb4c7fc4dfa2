"""The recorder in a real browser: from the list of texts to the way of one, by keyboard, wide and narrow."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import findings, narrow, too_wide

Visit = Callable[[str], Page]


@pytest.mark.also_firefox
def test_a_text_is_found_in_the_list_and_its_way_is_complete(api: httpx.Client, visit: Visit) -> None:
    sent = api.post("/sms/queue", json={"to": "+14155550126", "message": "<b>Hello</b>"}).json()
    page = visit("/texts?to=%2B14155550126")
    expect(page.get_by_role("searchbox", name="To")).to_have_value("+14155550126")
    first = page.get_by_role("main").get_by_role("listitem").first
    expect(first).to_contain_text("<b>Hello</b>")
    assert findings(page) == []
    first.get_by_role("link").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Delivered")
    expect(page.get_by_text(sent["message_id"])).to_be_visible()
    timeline = page.get_by_role("region", name="Timeline")
    for step in ("POST /sms/queue: 202", "Request: taken", "Simulator: answers 200", "Receipt: delivered"):
        expect(timeline.get_by_role("button", name=step).first).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert findings(page) == []
    narrow(page)
    assert too_wide(page) == []
    assert findings(page) == []


def test_the_details_of_a_step_are_reached_by_keyboard(api: httpx.Client, visit: Visit) -> None:
    ident = api.post("/sms/queue", json={"to": "+14155550127", "message": "Hello"}).json()["message_id"]
    page = visit(f"/texts/{ident}")
    steps = page.get_by_role("region", name="Timeline").locator(".rec-row")
    expect(page.get_by_role("heading", level=1)).to_have_text("Delivered")
    steps.first.focus()
    page.keyboard.press("ArrowDown")
    expect(steps.nth(1)).to_be_focused()
    expect(steps.nth(1)).to_have_attribute("aria-current", "true")
    panel = page.get_by_role("complementary", name="Details of the selected step")
    expect(panel.get_by_role("heading").first).to_contain_text("Stored: queued")
    page.keyboard.press("Escape")
    expect(panel).to_contain_text("Nothing is selected.")
    page.get_by_text("As a table").click()
    expect(page.get_by_role("row").nth(1)).to_be_visible()

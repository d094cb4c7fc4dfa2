"""The flight recorder in a browser: a text's way, whole, by mouse and by keyboard, and as a file."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.checks import findings, narrow, tab_to, too_wide

Visit = Callable[[str], Page]


@pytest.fixture(scope="module")
def text(api: httpx.Client, eventually: Callable[..., object]) -> str:
    """The id of a text that was queued behind another one to its number, and delivered."""
    idents = [
        api.post("/sms/queue", json={"to": "+15755550107", "message": f"Part {part} of 2"}).json()["message_id"]
        for part in (1, 2)
    ]
    eventually(lambda: api.get(f"/sms/status/{idents[1]}").json()["status"] == "delivered")
    return str(idents[1])


def steps(page: Page) -> Locator:
    return page.get_by_role("region", name="Timeline").locator(".rec-row")


@pytest.mark.also_firefox
def test_the_way_of_a_text_is_whole(visit: Visit, text: str) -> None:
    page = visit(f"/texts/{text}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Delivered")
    for words in (
        *("POST /sms/queue: 202", "Stored: queued", "In the queue", "Claimed: sending", "Request: taken"),
        *("Simulator: answers 200", "Receipt: delivered", "Status: delivered", "Event published"),
    ):
        expect(steps(page).filter(has_text=words).first).to_be_visible()
    expect(page.get_by_role("region", name="Where the time went").get_by_role("listitem")).not_to_have_count(0)
    page.get_by_text("As a table").click()
    expect(page.get_by_role("table").first).to_be_visible()


def test_the_keyboard_goes_from_step_to_step(visit: Visit, text: str) -> None:
    page = visit(f"/texts/{text}")
    expect(steps(page).filter(has_text="Receipt: delivered")).to_be_visible()
    tab_to(page, steps(page).first)
    page.keyboard.press("ArrowDown")
    expect(steps(page).nth(1)).to_be_focused()
    expect(page.get_by_role("complementary")).to_contain_text("Stored: queued")
    page.keyboard.press("Escape")
    expect(steps(page).nth(1)).not_to_have_attribute("aria-current", "true")
    # The same again, and closed from within the panel, which a narrow page then hides.
    page.set_viewport_size({"width": 760, "height": 800})
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary")).to_contain_text("Stored: queued")
    page.get_by_role("button", name="Close", exact=True).focus()
    page.keyboard.press("Escape")
    expect(steps(page).nth(1)).to_be_focused()
    expect(steps(page).nth(1)).not_to_have_attribute("aria-current", "true")


def test_the_file_to_share_needs_no_console(visit: Visit, text: str, page: Page, tmp_path: Path) -> None:
    visit(f"/texts/{text}")
    expect(steps(page).first).to_be_visible()
    heading = page.get_by_role("heading", level=1).inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Save as a file to share").click()
    path = tmp_path / "trace.html"
    download.value.save_as(path)
    page.goto(path.as_uri())
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(steps(page).first).to_be_visible()


def test_the_list_of_texts_leads_to_each(visit: Visit, text: str) -> None:
    page = visit("/texts?to=%2B15755550107")
    row = page.locator(f"main a[href='/texts/{text}']")
    expect(row).to_contain_text("Part 2 of 2")
    expect(row).to_contain_text("delivered")
    row.click()
    expect(page).to_have_url(re.compile(rf"/texts/{text}$"))


def test_it_is_accessible_in_light_and_dark_wide_and_narrow(visit: Visit, text: str) -> None:
    page = visit(f"/texts/{text}")
    expect(steps(page).first).to_be_visible()
    page.emulate_media(color_scheme="light")
    assert findings(page) == []
    assert too_wide(page) == []
    page.emulate_media(color_scheme="dark")
    narrow(page)
    assert findings(page) == []
    assert too_wide(page) == []

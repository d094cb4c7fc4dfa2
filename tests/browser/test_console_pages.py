"""What all pages of the console share: colours, width, the keyboard, landmarks, and nothing to complain of."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.checks import Problems, findings, narrow, tab_to, too_wide

PAGES = {"/": "Handset", "/texts": "Texts", "/dashboard": "Dashboard", "/reference": "API"}
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
Visit = Callable[[str], Page]


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_in_light_and_dark_wide_and_narrow(visit: Visit, path: str) -> None:
    page = visit(path)
    expect(page.get_by_role("navigation", name="Pages").get_by_role("link", name=PAGES[path])).to_have_attribute(
        "aria-current", "page"
    )
    narrow(page)
    assert too_wide(page) == []
    # A long document goes on as it begins.
    page.evaluate("for (const one of document.querySelectorAll('.document > :nth-child(n+150)')) one.remove()")
    page.emulate_media(color_scheme="light")
    assert findings(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert findings(page) == []
    assert too_wide(page) == []


@pytest.mark.parametrize("path", PAGES)
def test_the_keyboard_reaches_the_controls_of_a_page(visit: Visit, path: str) -> None:
    page = visit(path)
    expect(page.get_by_role("main")).to_be_visible()
    # Without the rows of lists, which come and go with other tests' texts; a long page has hundreds of links.
    kinds = "a[href], button:enabled, input:not([type=radio]:not(:checked)), select, textarea, summary"
    controls = page.locator(f":is({kinds}):not(.rows *)").locator("visible=true")
    # One element, picked once: what comes while the page is live moves those behind it.
    tab_to(page, controls.nth(min(controls.count(), 30) - 1).element_handle(), at_most=300)


@pytest.mark.also_firefox
def test_the_colours_are_the_systems_until_one_chooses_and_stay_chosen(visit: Visit) -> None:
    page = visit("/reference")
    light = page.evaluate(BACKGROUND)
    button = page.get_by_role("button", name="Colours:")
    expect(button).to_have_accessible_name("Colours: system. Change")
    tab_to(page, button)
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(button).to_have_accessible_name("Colours: dark. Change")
    dark = page.evaluate(BACKGROUND)
    assert dark != light

    visit("/")
    expect(page.get_by_role("button", name="Colours:")).to_have_accessible_name("Colours: dark. Change")
    assert page.evaluate(BACKGROUND) == dark


@pytest.mark.also_firefox
def test_the_first_tab_leads_past_the_header(visit: Visit) -> None:
    page = visit("/")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("main")).to_be_focused()
    expect(page.get_by_role("main")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_a_page_says_when_it_is_not_connected(visit: Visit, problems: Problems) -> None:
    problems.expect("net::ERR")
    page = visit("/")
    expect(page.get_by_role("status")).to_have_text("live")
    page.route("**/api/**", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("status")).to_have_text("not connected")
    page.unroute("**/api/**")
    expect(page.get_by_role("status")).to_have_text("live")


def test_a_text_is_sent_and_answered_by_keyboard_alone(visit: Visit) -> None:
    page = visit("/")
    tab_to(page, page.get_by_label("To", exact=True))
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("+15755550112")
    tab_to(page, page.get_by_label("Message"))
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("By hand")
    page.keyboard.press("Control+Enter")
    texts = page.get_by_role("log", name="Texts on this phone").get_by_role("article")
    expect(texts.filter(has_text="By hand").first).to_be_visible()
    reply = page.get_by_label("Text from this phone")
    tab_to(page, reply)
    page.keyboard.type("Thank you")
    page.keyboard.press("Enter")
    expect(texts.filter(has_text="Thank you").first).to_contain_text("from this phone")
    expect(reply).to_be_focused()
    expect(reply).to_have_value("")

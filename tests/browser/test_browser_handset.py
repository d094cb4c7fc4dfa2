"""The handset in a browser: a text sent from the page rings, and what the service does is to be seen beside it."""

import random
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.checks import Problems, findings, narrow, tab_to, too_wide

Visit = Callable[[str], Page]
AREAS = ("205", "251", "316", "402", "423", "505", "518", "520", "541", "563", "605", "614", "701", "715", "901")


@pytest.fixture
def number() -> str:
    """A number that no other test texts, nor this one in the other browser."""
    return f"+1{random.choice(AREAS)}55501{random.randrange(1, 20):02}"


def spoken(number: str) -> str:
    return f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"


def compose(page: Page, number: str, words: str, route: str = "Send") -> None:
    """Fill in the form as a person does."""
    page.get_by_role("radio", name=route).check(force=True)
    page.get_by_label("To", exact=True).fill(number)
    page.get_by_label("Message").fill(words)


def on_the_phone(page: Page, words: str) -> Locator:
    """The bubbles with these words."""
    return page.get_by_role("log", name="Texts on this phone").get_by_role("article").filter(has_text=words)


def waiting(page: Page) -> Locator:
    return page.get_by_role("region", name="What waits")


@pytest.mark.also_firefox
def test_a_text_that_is_sent_from_the_page_rings(visit: Visit, number: str) -> None:
    page = visit("/")
    expect(page.get_by_role("status")).to_have_text("live")
    compose(page, number, "Your table is ready")
    page.evaluate(
        """() => new MutationObserver(() => { document.body.dataset.rang = 'yes'; })
            .observe(document.querySelector('#phone'), { attributeFilter: ['class'] })"""
    )
    page.get_by_role("button", name="Send the text").click()

    expect(page.get_by_text("Handed over.")).to_be_visible()
    text = on_the_phone(page, "Your table is ready")
    expect(text).to_be_visible()
    expect(text).to_contain_text("1 segment")
    expect(text).to_contain_text("delivered")
    expect(page.locator("#news")).to_have_text(f"A text came to {spoken(number)}.")
    expect(page.locator("body")).to_have_attribute("data-rang", "yes")
    expect(page.get_by_role("region", name="Texts with").get_by_text("Your table is ready")).to_be_visible()


@pytest.mark.also_firefox
def test_after_stop_the_next_text_is_refused_and_said_so(visit: Visit, number: str, problems: Problems) -> None:
    problems.expect("status of 403")
    page = visit("/")
    compose(page, number, "Hello")
    page.get_by_role("button", name="Send the text").click()
    expect(on_the_phone(page, "Hello")).to_be_visible()
    page.get_by_label("Text from this phone").fill("STOP")
    page.keyboard.press("Enter")

    expect(page.get_by_text("Opted out: the service refuses texts to it.")).to_be_visible()
    compose(page, number, "Are you there?")
    page.get_by_role("button", name="Send the text").click()
    expect(page.get_by_text("Text refused:")).to_be_visible()
    expect(on_the_phone(page, "Are you there?")).to_have_count(0)

    page.get_by_role("button", name="START", exact=True).click()
    expect(page.get_by_text("Opted out: the service refuses texts to it.")).to_be_hidden()


def test_the_texts_to_one_number_are_seen_to_wait_and_leave_one_after_the_other(visit: Visit, number: str) -> None:
    page = visit("/")
    for part in range(1, 6):
        compose(page, number, f"Part {part} of 5", route="Queue")
        page.get_by_role("button", name="Queue the text").click()
        expect(page.get_by_text("Accepted.")).to_be_visible()
    queue = waiting(page).get_by_role("button").filter(has_text=spoken(number))
    expect(queue).to_be_visible()
    expect(queue).to_contain_text("pacing of this number")

    expect(on_the_phone(page, "of 5")).to_have_count(5)
    expect(on_the_phone(page, "of 5").first).to_contain_text("Part 1 of 5")
    expect(on_the_phone(page, "of 5").last).to_contain_text("Part 5 of 5")
    expect(queue).to_have_count(0)


def test_a_scheduled_text_is_seen_and_can_be_cancelled(visit: Visit, number: str) -> None:
    page = visit("/")
    compose(page, number, "See you tomorrow", route="Queue")
    page.get_by_text("More fields").click()
    page.get_by_role("button", name="a day").click()
    page.get_by_role("button", name="Queue the text").click()
    expect(page.get_by_text("Accepted.")).to_be_visible()

    later = waiting(page).get_by_role("listitem").filter(has_text=spoken(number))
    expect(later).to_contain_text("See you tomorrow")
    expect(later).to_contain_text("in 23 h 5")
    later.get_by_role("button", name=f"Cancel the text to {spoken(number)}").click()
    expect(later).to_have_count(0)
    stored = page.get_by_role("region", name="Texts with").get_by_role("listitem").filter(has_text="See you")
    expect(stored).to_contain_text("cancelled")


def test_all_of_it_is_done_by_keyboard(visit: Visit, number: str) -> None:
    page = visit("/")
    tab_to(page, page.get_by_label("To", exact=True))
    page.keyboard.press("Control+A")
    page.keyboard.type(number)
    tab_to(page, page.get_by_label("Message"))
    page.keyboard.press("Control+A")
    page.keyboard.type("By hand")
    page.keyboard.press("Control+Enter")
    expect(on_the_phone(page, "By hand")).to_be_visible()
    tab_to(page, page.get_by_label("Text from this phone"))
    page.keyboard.type("Thank you")
    page.keyboard.press("Enter")
    expect(on_the_phone(page, "Thank you")).to_contain_text("from this phone")
    expect(page.get_by_label("Text from this phone")).to_be_focused()
    expect(page.get_by_label("Text from this phone")).to_have_value("")


def test_a_refusal_stands_at_the_field_it_names(visit: Visit, number: str, problems: Problems) -> None:
    problems.expect("status of 400")
    page = visit("/")
    compose(page, number, "Hello")
    page.get_by_label("To", exact=True).fill("12")
    page.get_by_role("button", name="Send the text").click()

    field = page.get_by_label("To", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_accessible_description(re.compile("'to' must be one phone number in E.164 format"))


def test_a_text_is_no_markup(visit: Visit, number: str) -> None:
    page = visit("/")
    bad = '<img src="/nothing" onerror="document.title = 1"><b>bold</b>'
    compose(page, number, bad)
    page.get_by_role("button", name="Send the text").click()

    text = on_the_phone(page, bad)
    expect(text).to_be_visible()
    assert text.locator("img, b").count() == 0


def test_a_phone_whose_texts_fail_says_why(visit: Visit, number: str) -> None:
    page = visit("/")
    compose(page, number, "Is it on?")
    page.get_by_role("button", name="Send the text").click()
    expect(on_the_phone(page, "Is it on?")).to_contain_text("delivered")
    page.get_by_label(f"Texts to {spoken(number)}").select_option("delivery_failed")
    page.get_by_label("Message").fill("And now?")
    page.get_by_role("button", name="Send the text").click()

    stored = page.get_by_role("region", name="Texts with").get_by_role("listitem").filter(has_text="And now?")
    expect(stored).to_contain_text("delivery failed")


def test_what_is_being_typed_stays_while_texts_come(visit: Visit, number: str, page: Page) -> None:
    visit("/")
    compose(page, number, "First")
    page.get_by_role("button", name="Send the text").click()
    expect(on_the_phone(page, "First")).to_be_visible()
    reply = page.get_by_label("Text from this phone")
    reply.fill("I am typ")
    page.evaluate("document.querySelector('#reply-text').marked = true")
    compose(page, number, "Second", route="Queue")
    page.get_by_role("button", name="Queue the text").click()
    reply.focus()
    expect(on_the_phone(page, "Second")).to_be_visible()
    expect(reply).to_have_value("I am typ")
    expect(reply).to_be_focused()
    assert page.evaluate("document.querySelector('#reply-text').marked")


def test_it_is_accessible_with_texts_on_it_in_light_and_dark_wide_and_narrow(visit: Visit) -> None:
    page = visit("/")
    expect(on_the_phone(page, "").first).to_be_visible()
    page.get_by_text("More fields").click()
    page.emulate_media(color_scheme="light")
    assert findings(page) == []
    assert too_wide(page) == []
    page.emulate_media(color_scheme="dark")
    narrow(page)
    assert findings(page) == []
    assert too_wide(page) == []

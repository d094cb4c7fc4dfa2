"""The handset in a browser: a text rings, STOP counts, pacing counts down, and nothing that is typed is lost."""

import re
from collections.abc import Callable
from itertools import product

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.checks import Problems, findings, narrow, tab_to, too_wide

Visit = Callable[[str], Page]
# Of the US, and of no other test: not each area code of +1 is in a country that the stack sends to.
AREAS = ("251", "316", "402", "423", "518", "520", "541", "563", "605", "614", "701", "715", "901")
# Each is given once: a number that two tests share has the texts of both.
NUMBERS = (f"+1{area}5550{last}" for last, area in product(range(100, 120), AREAS))
RINGS = re.compile(r"\brings\b")


@pytest.fixture
def number() -> str:
    """A number of the test's own, reserved for fiction, whose texts arrive."""
    return next(NUMBERS)


def spoken(number: str) -> str:
    return f"{number[:2]} {number[2:5]} {number[5:8]} {number[8:]}"


def filled(page: Page, number: str, message: str, route: str = "Send") -> None:
    """Fill the form in."""
    page.get_by_role("radio", name=route).check(force=True)
    page.get_by_label("To", exact=True).fill(number)
    page.get_by_role("textbox", name="Message").fill(message)


def sent(page: Page, number: str, message: str) -> None:
    """Send a text, and see it on its phone."""
    filled(page, number, message)
    page.get_by_role("button", name="Send the text").click()
    expect(page.locator("#phone-number")).to_have_text(spoken(number))
    expect(bubbles(page)).to_have_count(1)


def bubbles(page: Page) -> Locator:
    return page.get_by_role("log", name="Texts on this phone").get_by_role("article")


def result(page: Page) -> Locator:
    return page.locator("#result")


@pytest.mark.also_firefox
def test_a_text_sent_from_the_page_rings_and_is_no_markup(visit: Visit, number: str) -> None:
    page = visit("/")
    filled(page, number, "<img src=x onerror=alert(1)><b>Hello</b>")
    page.get_by_role("textbox", name="Message").press("Control+Enter")

    expect(page.locator("#phone")).to_have_class(RINGS)
    expect(result(page)).to_contain_text("Handed over")
    expect(bubbles(page)).to_have_count(1)
    expect(bubbles(page)).to_contain_text("<img src=x onerror=alert(1)><b>Hello</b>")
    expect(bubbles(page)).to_contain_text("1 segment")
    expect(bubbles(page).locator("img, b")).to_have_count(0)
    expect(bubbles(page)).to_contain_text("delivered")
    # The service's own word for it, once the receipt has come.
    expect(page.locator("#stored li")).to_contain_text("delivered")
    way = bubbles(page).get_by_role("link", name="its way").get_attribute("href")
    assert way == page.locator("#stored a").get_attribute("href")
    assert re.fullmatch(r"/texts/[0-9a-f-]{36}", way or "")


def test_a_text_rings_though_it_came_before_the_page_had_heard_of_any(
    visit: Visit, page: Page, number: str
) -> None:
    held: list[Route] = []
    page.route("**/api/handset?number=*", lambda route: held.append(route))
    visit("/")
    filled(page, number, "Hello")
    page.get_by_role("button", name="Send the text").click()
    expect(result(page)).to_contain_text("Handed over")
    # The last of them is the stream of this number.
    held[-1].continue_()

    expect(page.locator("#phone")).to_have_class(RINGS)
    expect(bubbles(page)).to_have_count(1)


def test_after_stop_the_next_send_is_refused_and_start_opens_it_again(
    visit: Visit, number: str, problems: Problems
) -> None:
    problems.expect("status of 403")
    page = visit("/")
    sent(page, number, "Hello")
    page.get_by_label("Text from this phone").fill("stop")
    page.get_by_label("Text from this phone").press("Enter")

    expect(page.get_by_label("Text from this phone")).to_have_value("")
    expect(page.locator("#stored-optout")).to_be_visible()
    expect(page.locator("#phone-note")).to_have_text("opted out at the provider")
    page.get_by_role("button", name="Send the text").click()
    expect(result(page)).to_contain_text("Text refused: The recipient has opted out")
    page.get_by_role("button", name="START", exact=True).click()
    expect(page.locator("#stored-optout")).to_be_hidden()
    page.get_by_role("button", name="Send the text").click()
    expect(result(page)).to_contain_text("Handed over")


@pytest.mark.also_firefox
def test_pacing_is_seen_each_text_counts_down_and_says_what_holds_it(visit: Visit, number: str) -> None:
    page = visit("/")
    page.get_by_role("radio", name="Batch").check(force=True)
    page.get_by_label("To, a number on each line").fill(f"{number}\n" * 8)
    page.get_by_role("textbox", name="Message").fill("One of many")
    page.get_by_role("button", name="Queue the batch").click()

    expect(result(page)).to_contain_text("8 texts accepted, 0 refused")
    waiting = page.locator("#stored li", has_text="pacing of this number").first
    expect(waiting).to_contain_text(re.compile(r"in \d+(\.\d)? s"))
    expect(waiting.get_by_role("button", name="Cancel this text")).to_be_visible()
    expect(page.locator("#queues")).to_contain_text(spoken(number))
    expect(bubbles(page)).to_have_count(8)


def test_a_scheduled_text_is_seen_with_its_time_and_can_be_taken_back(visit: Visit, number: str) -> None:
    page = visit("/")
    filled(page, number, "Tomorrow", route="Queue")
    page.get_by_text("More fields").click()
    page.get_by_role("button", name="a day").click()
    page.get_by_label("Tag", exact=True).fill("spring")
    page.get_by_role("button", name="Queue the text").click()

    expect(result(page)).to_contain_text("held by its time")
    row = page.locator("#scheduled li", has_text=spoken(number))
    expect(row).to_contain_text(re.compile(r"in (23 h|1 d|24 h)"))
    expect(page.locator("#stored li")).to_contain_text("tag spring")
    row.get_by_role("button", name="Cancel").click()
    expect(row).to_have_count(0)
    expect(page.locator("#stored li")).to_contain_text("cancelled")


def test_a_tag_is_paused_and_resumed_and_its_texts_wait_meanwhile(visit: Visit, number: str) -> None:
    page = visit("/")
    page.get_by_role("radio", name="Batch").check(force=True)
    page.get_by_label("To, a number on each line").fill(number)
    page.get_by_role("textbox", name="Message").fill("Two for one")
    page.get_by_text("More fields").click()
    page.get_by_label("Tag", exact=True).fill("from-the-page")
    page.get_by_label("Priority").select_option("bulk")
    page.get_by_role("button", name="Queue the batch").click()
    expect(bubbles(page)).to_have_count(1)

    page.get_by_role("button", name="Pause bulk texts with the tag from-the-page").click()
    resume = page.get_by_role("button", name="Resume bulk texts with the tag from-the-page")
    expect(resume).to_be_visible()
    page.get_by_role("button", name="Queue the batch").click()
    expect(page.locator("#stored li").first).to_contain_text(re.compile("held by .*tag"))
    expect(bubbles(page)).to_have_count(1)
    resume.click()
    expect(bubbles(page)).to_have_count(2)


def test_what_the_api_refuses_stands_beside_the_field_it_names(
    visit: Visit, number: str, problems: Problems
) -> None:
    problems.expect("status of 400")
    page = visit("/")
    filled(page, "12025550123", "Hello", route="Queue")
    page.get_by_role("button", name="Queue the text").click()
    to = page.get_by_label("To", exact=True)
    expect(to).to_have_attribute("aria-invalid", "true")
    expect(to).to_be_focused()
    expect(to).to_have_accessible_description(re.compile("E.164"))
    expect(page.locator("#error-to")).to_be_visible()

    to.fill(number)
    page.get_by_text("More fields").click()
    page.get_by_label("Valid for, in seconds").fill("soon")
    page.get_by_text("More fields").click()
    page.get_by_role("button", name="Queue the text").click()
    expect(page.get_by_label("Valid for, in seconds")).to_be_focused()
    expect(page.locator("#error-ttl_s")).to_contain_text("whole number")
    expect(to).not_to_have_attribute("aria-invalid", "true")
    # The other route does not know the field, and does not send it.
    page.get_by_role("radio", name="Send").check(force=True)
    page.get_by_role("button", name="Send the text").click()
    expect(result(page)).to_contain_text("Handed over")


def test_nothing_that_is_typed_is_lost_while_texts_come(visit: Visit, number: str) -> None:
    page = visit("/")
    sent(page, number, "Hello")
    filled(page, number, "A draft of the next one")
    reply = page.get_by_label("Text from this phone")
    reply.press_sequentially("I am on my w")
    page.request.post(
        page.url + "api/handset/texts/send",
        data={"request": {"to": number, "message": "And another"}},
        headers={"origin": page.url.rstrip("/")},
    )
    expect(bubbles(page)).to_have_count(2)
    reply.press_sequentially("ay")

    expect(reply).to_have_value("I am on my way")
    expect(reply).to_be_focused()
    expect(page.get_by_role("textbox", name="Message")).to_have_value("A draft of the next one")
    reply.press("Enter")
    expect(bubbles(page)).to_have_count(3)
    expect(bubbles(page).last).to_contain_text("I am on my way")


def test_a_number_fails_as_chosen_and_its_carrier_is_another(visit: Visit, number: str) -> None:
    page = visit("/")
    sent(page, number, "Hello")
    page.get_by_label(f"Texts to {spoken(number)}").select_option("delivery_failed")
    page.locator("#network").select_option("att")
    expect(page.locator("#outcome-note")).to_contain_text("40008")
    expect(page.locator("#phone-carrier")).to_have_text("AT&T")
    page.get_by_role("button", name="Send the text").click()

    expect(bubbles(page)).to_have_count(2)
    expect(bubbles(page).last).to_contain_text("delivery failed 40008")
    expect(page.locator("#stored li").first).to_contain_text("40008")


def test_a_picture_from_the_phone_is_an_mms(visit: Visit, number: str) -> None:
    page = visit("/")
    sent(page, number, "Send me a picture")
    page.get_by_role("button", name="Picture", exact=True).click()

    picture = bubbles(page).get_by_role("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("(one) => one.decode().then(() => one.naturalWidth)") > 0
    expect(page.locator("#stored li").first).to_contain_text("(picture)")


def test_it_sounds_only_where_sound_is_on_and_keeps_still_where_motion_is_reduced(
    visit: Visit, page: Page, number: str
) -> None:
    page.add_init_script(
        "window.tones = 0; const start = OscillatorNode.prototype.start;"
        "OscillatorNode.prototype.start = function (...at) { window.tones += 1; return start.apply(this, at); };"
    )
    page.emulate_media(reduced_motion="reduce")
    visit("/")
    filled(page, number, "Hello")
    page.get_by_role("button", name="Send the text").click()
    expect(page.locator("#phone")).to_have_class(RINGS)
    expect(page.locator("#phone-number")).to_have_text(spoken(number))
    assert page.locator("#phone").evaluate("(one) => getComputedStyle(one).animationName") == "none"
    expect(bubbles(page)).to_have_count(1)
    assert page.evaluate("window.tones") == 0

    page.get_by_role("button", name="Sound off").click()
    tones = page.evaluate("window.tones")
    expect(page.get_by_role("button", name="Sound on")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Send the text").click()
    expect(bubbles(page)).to_have_count(2)
    assert page.evaluate("window.tones") > tones > 0


def test_another_phone_is_taken_by_keyboard_and_a_text_to_one_not_looked_at_is_counted(
    visit: Visit, number: str
) -> None:
    page = visit("/")
    sent(page, number, "Hello")
    page.get_by_text("Another phone").click()
    page.get_by_label("What its texts suffer").select_option(label="…0140 delivery failed")
    page.get_by_role("button", name="Take this phone").click()
    expect(page.locator("#phone-number")).to_have_text(re.compile("555 0140$"))
    expect(page.get_by_label("To", exact=True)).to_have_value(re.compile("5550140$"))
    page.request.post(
        page.url + "api/handset/texts/send",
        data={"request": {"to": number, "message": "And another"}},
        headers={"origin": page.url.rstrip("/")},
    )
    row = page.locator("#phones li", has_text=spoken(number))
    expect(row.locator(".unread")).to_have_text("1")
    page.locator("#phones [aria-current=true]").focus()
    for _ in range(page.locator("#phones li").count()):
        if row.get_by_role("button").get_attribute("aria-current") == "true":
            break
        page.keyboard.press("ArrowDown")
    expect(row.get_by_role("button")).to_be_focused()
    expect(row.locator(".unread")).to_be_hidden()
    expect(bubbles(page).last).to_contain_text("And another")


def test_a_page_with_all_its_parts_is_accessible_and_narrow_enough(
    visit: Visit, number: str, problems: Problems
) -> None:
    problems.expect("status of 400")
    page = visit("/")
    filled(page, number, "A long word: " + "Donaudampfschifffahrt" * 4)
    page.get_by_role("button", name="Preview").click()
    expect(result(page)).to_contain_text("GSM-7")
    sent(page, number, "A long word: " + "Donaudampfschifffahrt" * 4)
    page.get_by_role("button", name="Picture", exact=True).click()
    filled(page, number, "Hello", route="Queue")
    for summary in ("More fields", "Another phone"):
        page.get_by_text(summary).click()
    page.get_by_label("Valid for, in seconds").fill("soon")
    page.get_by_role("button", name="Queue the text").click()
    expect(page.locator("#error-ttl_s")).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        assert findings(page) == []
    assert too_wide(page) == []
    for width in (1440, 1000, 760):
        page.set_viewport_size({"width": width, "height": 800})
        assert too_wide(page) == [], width
    narrow(page)
    assert too_wide(page) == []
    assert findings(page) == []


def test_all_of_it_is_done_by_keyboard(visit: Visit, number: str) -> None:
    page = visit("/")
    tab_to(page, page.get_by_label("To", exact=True))
    page.keyboard.press("Control+A")
    page.keyboard.type(number)
    tab_to(page, page.get_by_label("Message"))
    page.keyboard.press("Control+A")
    page.keyboard.type("By hand")
    page.keyboard.press("Control+Enter")
    expect(bubbles(page).filter(has_text="By hand")).to_be_visible()
    tab_to(page, page.get_by_label("Text from this phone"))
    page.keyboard.type("Thank you")
    page.keyboard.press("Enter")
    expect(bubbles(page).filter(has_text="Thank you")).to_contain_text("from this phone")
    expect(page.get_by_label("Text from this phone")).to_be_focused()
    expect(page.get_by_label("Text from this phone")).to_have_value("")

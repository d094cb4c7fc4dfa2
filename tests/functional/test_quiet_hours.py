"""Texts that keep quiet hours are held until it is day where their recipient is."""

from typing import Any

import pytest

from longcode.domain.message import epoch_ms, iso
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.status import Status
from tests.chance import showing
from tests.functional.conftest import nothing_happened
from tests.support.fakes import Reply, World, make_settings, make_world

NEW_YORK, IDAHO, FLORIDA, TEXAS = "+12125550123", "+12085550123", "+13055550123", "+12145550123"
# A Wednesday, 23:00 in New York.
NIGHT = "2026-07-02T03:00:00.000Z"
MORNING = "2026-07-02T12:00:00.000Z"


def at(moment: str, words: str = "21:00-08:00") -> World:
    """A world with quiet hours, by the clock of a moment."""
    found = make_world(make_settings(quiet_hours=QuietHours.parse(words) if words else None))
    found.clock.now = epoch_ms(moment)  # type: ignore[assignment]
    return found


def marketing(world: World, to: str = NEW_YORK, **fields: Any) -> Reply:
    return world.enqueue(to, category="marketing", **fields)


def test_a_marketing_text_at_night_is_held_until_morning() -> None:
    world = at(NIGHT)

    reply = marketing(world)

    (message,) = world.messages.all
    assert (reply.status, reply.fields["status"]) == (202, "held")
    assert (reply.fields["held_by"], reply.fields["eta"]) == ("quiet_hours", MORNING)
    assert (message.category, message.quiet_zones) == ("marketing", "America/New_York")
    assert iso(message.not_before_ms or 0) == MORNING
    assert message.send_at_ms is None
    fields = world.status(message.id).fields
    assert (fields["category"], fields["held_by"], fields["eta"]) == ("marketing", "quiet_hours", MORNING)
    assert "quiet hours" in str(fields["history"])


def test_which_texts_keep_quiet_hours() -> None:
    for fields, held in (
        ({}, False),
        ({"category": "transactional"}, False),
        ({"category": "marketing"}, True),
        ({"respect_quiet_hours": True}, True),
        ({"category": "transactional", "respect_quiet_hours": True}, True),
        ({"category": "marketing", "respect_quiet_hours": False}, False),
        ({"timezone": "America/New_York"}, False),
        ({"respect_quiet_hours": None, "category": None, "timezone": None}, False),
    ):
        for words in ("21:00-08:00", ""):
            world = at(NIGHT, words)
            with showing((fields, words)):
                reply = world.enqueue(NEW_YORK, **fields)
                (message,) = world.messages.all
                assert reply.fields["status"] == ("held" if held and words else "queued")
                assert bool(message.quiet_zones) is bool(held and words)
                assert message.category == fields.get("category")


def test_by_day_a_text_leaves_at_once_and_its_zones_are_kept_for_its_turn() -> None:
    world = at("2026-07-02T16:00:00Z")

    reply = marketing(world)
    world.consume()

    assert (reply.fields["status"], reply.fields["held_by"]) == ("queued", None)
    assert [message.quiet_zones for message in world.messages.all] == ["America/New_York"]
    assert len(world.provider.texts) == 1


def test_the_zone_is_that_of_the_request_or_else_all_of_the_area_code() -> None:
    for to, fields, eta in (
        # 08:00 in Los Angeles, 09:00 in Boise and Denver.
        (IDAHO, {}, "2026-07-02T15:00:00.000Z"),
        (IDAHO, {"timezone": "America/Boise"}, "2026-07-02T14:00:00.000Z"),
        (NEW_YORK, {"timezone": "US/Eastern"}, MORNING),
        # 20:00 in Los Angeles: it leaves at once.
        (NEW_YORK, {"timezone": "America/Los_Angeles"}, "2026-07-02T03:00:00.001Z"),
        # 04:00 in London.
        (NEW_YORK, {"timezone": "Europe/London"}, "2026-07-02T07:00:00.000Z"),
        # From nine in Texas, whatever the setting says.
        (TEXAS, {}, "2026-07-02T14:00:00.000Z"),
    ):
        with showing((to, fields)):
            assert marketing(at(NIGHT), to, **fields).fields["eta"] == eta


def test_a_states_evening_begins_earlier_than_the_setting_says() -> None:
    # 20:30 in Miami and New York.
    evening = "2026-07-02T00:30:00Z"

    assert marketing(at(evening), NEW_YORK).fields["status"] == "queued"
    florida = marketing(at(evening), FLORIDA).fields
    assert (florida["status"], florida["held_by"], florida["eta"]) == ("held", "quiet_hours", MORNING)


def test_a_text_of_a_later_time_is_held_by_what_decides() -> None:
    for send_at, held_by, eta in (
        ("2026-07-02T18:00:00.000Z", "schedule", "2026-07-02T18:00:00.000Z"),
        (MORNING, "schedule", MORNING),
        ("2026-07-02T11:59:59.000Z", "quiet_hours", MORNING),
        ("2026-07-03T01:00:00.000Z", "quiet_hours", "2026-07-03T12:00:00.000Z"),
    ):
        with showing(send_at):
            world = at(NIGHT)
            fields = marketing(world, send_at=send_at).fields
            assert (fields["status"], fields["held_by"], fields["eta"]) == ("held", held_by, eta)
            assert world.status(fields["message_id"]).fields["send_at"] == send_at


def test_a_text_whose_turn_comes_in_quiet_hours_says_when_it_will_leave() -> None:
    # 20:59:40 in New York: by the pace of one second the sixth has none left of the day.
    world = at("2026-07-02T00:59:39.900Z")

    etas = [marketing(world).fields for _ in range(8)]

    assert [fields["held_by"] for fields in etas[-2:]] == ["quiet_hours", "quiet_hours"]
    assert etas[-1]["eta"] == MORNING
    assert etas[0]["held_by"] is None
    assert world.status(etas[-1]["message_id"]).fields["eta"] == MORNING


def test_quiet_hours_make_no_text_good_for_longer() -> None:
    world = at(NIGHT)

    reply = marketing(world, ttl_s=600)

    # It is held, not refused: its end is in its status, and its eta is later.
    fields = world.status(reply.fields["message_id"]).fields
    assert (reply.status, reply.fields["eta"]) == (202, MORNING)
    assert (epoch_ms(str(fields["expires_at"])) or 0) - world.clock.now == 600_000


def test_local_times_are_by_the_zone_of_the_request() -> None:
    world = at("2026-10-30T12:00:00Z")

    first = world.enqueue(send_at="2026-11-01T00:30:00", timezone="America/New_York")
    second = world.enqueue(
        send_at="2026-11-01T03:30:00", expires_at="2026-11-01T04:00:00.5", timezone="America/New_York"
    )
    third = world.enqueue(send_at="2026-11-01T01:30:00-04:00", timezone="Europe/Berlin")

    assert first.fields["eta"] == "2026-11-01T04:30:00.000Z"
    assert second.fields["eta"] == "2026-11-01T08:30:00.000Z"
    assert third.fields["eta"] == "2026-11-01T05:30:00.000Z"
    assert world.status(second.fields["message_id"]).fields["expires_at"] == "2026-11-01T09:00:00.500Z"


def test_bad_input_is_named_and_nothing_is_stored() -> None:
    # Any: JSON.
    cases: tuple[tuple[dict[str, Any], str, str, str | None], ...] = (
        ({"category": "promo"}, "category", "transactional or marketing", None),
        ({"category": True}, "category", "transactional or marketing", None),
        ({"respect_quiet_hours": "yes"}, "respect_quiet_hours", "true or false", None),
        ({"respect_quiet_hours": 1}, "respect_quiet_hours", "true or false", None),
        ({"timezone": "America/Newyork"}, "timezone", "IANA", "America/Newyork"),
        ({"timezone": ""}, "timezone", "IANA", ""),
        ({"timezone": "../../etc/passwd"}, "timezone", "IANA", "../../etc/passwd"),
        ({"timezone": -5}, "timezone", "IANA", None),
        ({"timezone": "x" * 65}, "timezone", "IANA", None),
        ({"timezone": "a\nb"}, "timezone", "IANA", None),
        ({"send_at": "2026-11-01T01:30:00"}, "send_at", "offset", None),
        ({"send_at": "2026-11-01T01:30", "timezone": "America/New_York"}, "send_at", "RFC 3339", None),
        ({"send_at": "2026-02-30T01:30:00", "timezone": "America/New_York"}, "send_at", "RFC 3339", None),
        ({"send_at": "9999-12-31T23:59:59", "timezone": "America/New_York"}, "send_at", "90 days", None),
        ({"send_at": "9999-12-31T23:59:59Z", "category": "marketing"}, "send_at", "90 days", None),
        (
            {"send_at": "2026-11-01T01:30:00", "timezone": "America/New_York"},
            "send_at", "comes twice in America/New_York", "2026-11-01T01:30:00",
        ),
        (
            {"expires_at": "2027-03-14T02:30:00", "timezone": "America/New_York"},
            "expires_at", "does not come in America/New_York", "2027-03-14T02:30:00",
        ),
        ({"to": "+15555550123", "category": "marketing"}, "timezone", "is not known", None),
        ({"to": "+18005550123", "category": "marketing"}, "timezone", "quiet in one of the time zones", None),
    )  # fmt: skip
    for fields, field, words, given in cases:
        world = at("2026-10-30T12:00:00Z", "20:00-10:00")
        with showing(fields):
            reply = world.enqueue(**{"to": NEW_YORK, **fields})
            assert (reply.status, reply.fields["field"]) == (400, field)
            assert words in str(reply.fields["error"])
            assert reply.fields.get("given") == given or words == "90 days"
            assert nothing_happened(world)


def test_a_number_without_a_known_zone_is_taken_with_one() -> None:
    for fields in ({"timezone": "America/New_York"}, {"respect_quiet_hours": False}):
        assert marketing(at(NIGHT), "+15555550123", **fields).status == 202


def test_a_text_that_is_sent_at_once_has_none_of_it() -> None:
    # Any: JSON.
    said: dict[str, Any] = {"category": "marketing", "respect_quiet_hours": True, "timezone": "UTC"}
    for name, value in said.items():
        world = at(NIGHT)
        reply = world.send(NEW_YORK, **{name: value})
        assert (reply.status, reply.fields["field"]) == (400, name)
        assert "POST /sms/queue has" in str(reply.fields["error"])
        assert nothing_happened(world)


def test_what_a_request_says_of_quiet_hours_is_a_part_of_it() -> None:
    world = at(NIGHT)
    first = marketing(world, key="one")

    world.clock.pass_ms(10 * 60_000)
    again = marketing(world, key="one")
    others = [
        world.enqueue(NEW_YORK, key="one"),
        marketing(world, key="one", respect_quiet_hours=True),
        marketing(world, key="one", timezone="America/New_York"),
    ]

    assert again.fields["message_id"] == first.fields["message_id"]
    assert (again.fields["held_by"], again.fields["eta"]) == ("quiet_hours", MORNING)
    assert [reply.status for reply in others] == [409, 409, 409]


@pytest.mark.parametrize("name", ["category", "respect_quiet_hours", "timezone"])
def test_a_preview_takes_the_fields_and_says_when_it_is_quiet(name: str) -> None:
    def preview(world: World, **fields: Any) -> Reply:
        return world.request("queue", "POST", "/sms/preview", {"message": "Hello"} | fields)

    world = at(NIGHT)
    texas = preview(world, to=TEXAS, category="marketing").fields["quiet_hours"]
    york = preview(world, to=NEW_YORK, respect_quiet_hours=True, timezone="Europe/Berlin").fields["quiet_hours"]

    assert texas == {
        "timezones": ["America/Chicago"],
        "open": {
            **{
                day: ["09:00-21:00"]
                for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
            },
            "sunday": ["12:00-21:00"],
        },
        "states": [{"state": "TX", "statute": "Tex. Bus. & Com. Code § 301.051"}],
        "quiet_now": True,
        "opens_at": "2026-07-02T14:00:00.000Z",
    }
    assert (york["timezones"], york["opens_at"]) == (["Europe/Berlin"], "2026-07-02T06:00:00.000Z")
    assert "quiet_hours" not in preview(world, to=TEXAS).fields
    assert "quiet_hours" not in preview(world, category="marketing").fields
    assert "quiet_hours" not in preview(at(NIGHT, ""), to=TEXAS, category="marketing").fields
    refused = preview(world, to="+15555550123", category="marketing")
    assert (refused.status, refused.fields["field"]) == (400, "timezone")
    wrong = preview(world, **{name: "wrong"})
    assert (wrong.status, wrong.fields["field"]) == (400, name)
    assert nothing_happened(world)


def test_a_text_that_was_held_by_quiet_hours_is_claimed_and_leaves_in_the_morning() -> None:
    world = at(NIGHT)
    ident = marketing(world).fields["message_id"]
    world.clock.now = (epoch_ms(MORNING) or 0) - 60_000
    world.reconcile()

    world.consume(until_ms=(epoch_ms(MORNING) or 0) + 60_000)

    message = world.messages.get(ident)
    assert message
    assert message.status is Status.SUBMITTED
    (arrival,) = world.provider.arrivals()
    assert 0 <= arrival - (epoch_ms(MORNING) or 0) <= 2_000

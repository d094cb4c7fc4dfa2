"""The clock that can be set, and T-Mobile's day in Los Angeles over both changes of its clocks."""

from datetime import UTC, date, datetime, timedelta

import pytest

from devtools.telnyx_simulator import pacific
from tests.telnyx_simulator.world import RECIPIENT, Inbox, Running, eventually

pytestmark = pytest.mark.enable_socket

YEAR = datetime.now(UTC).year + 1  # the clock goes forward only


def sunday(month: int, number: int) -> date:
    """The so-manieth Sunday of a month."""
    first = date(YEAR, month, 1)
    return first + timedelta(days=(6 - first.weekday()) % 7 + 7 * (number - 1))


SPRING, AUTUMN = sunday(3, 2), sunday(11, 1)  # when the clocks of the United States change
# A date in Los Angeles with the hours of UTC that it begins and ends at, the latter on the day after.
DAYS = [
    (SPRING - timedelta(days=1), 8, 8),
    (SPRING, 8, 7),
    (SPRING + timedelta(days=1), 7, 7),
    (AUTUMN - timedelta(days=1), 7, 7),
    (AUTUMN, 7, 8),
    (AUTUMN + timedelta(days=1), 8, 8),
]


def utc(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@pytest.mark.parametrize(("day", "begins", "ends"), DAYS)
def test_the_cap_holds_from_midnight_to_midnight_in_los_angeles(
    provider: Running, day: date, begins: int, ends: int
) -> None:
    provider.control("registration", brand={"daily_cap": 1})
    provider.control("limits", enforce=True, t_mobile_over="refuse")

    def taken(moment: datetime) -> bool:
        provider.control("clock", at=moment.isoformat())
        return provider.send().status_code == 200

    first, last = utc(day, begins), utc(day + timedelta(days=1), ends)
    assert taken(first - timedelta(minutes=10))
    assert taken(first + timedelta(seconds=1))
    assert not taken(first + timedelta(hours=12))
    assert not taken(last - timedelta(seconds=10))
    assert taken(last + timedelta(seconds=1))
    shown = [row["day"] for row in provider.shown("limits")["days"]]
    assert shown == [(day + timedelta(days=ahead)).isoformat() for ahead in (-1, 0, 1)]


@pytest.mark.parametrize(("day", "begins", "ends"), DAYS)
def test_a_day_with_a_change_of_clocks_has_an_hour_less_or_more(day: date, begins: int, ends: int) -> None:
    start = utc(day, begins).timestamp()
    assert pacific.day(start) == day
    assert pacific.day(start - 1) == day - timedelta(days=1)
    assert pacific.midnight_after(start) - start == (24 + ends - begins) * 3600
    assert pacific.midnight_after(pacific.midnight_after(start) - 1) == pacific.midnight_after(start)


def test_the_clock_shows_where_it_is(provider: Running) -> None:
    before = provider.shown("clock")
    after = provider.control("clock", at=f"{SPRING}T12:00:00+00:00")
    assert before["offset_s"] == 0
    assert after["now"].startswith(f"{SPRING}T12:00:0")
    assert (after["pacific_day"], after["pacific_midnight"][:13]) == (
        SPRING.isoformat(),
        f"{SPRING + timedelta(days=1)}T07",
    )
    assert after["offset_s"] > 24 * 3600


@pytest.mark.parametrize(
    "asked",
    [{"advance_s": -1}, {"advance_s": 0}, {"at": "2020-01-01T00:00:00Z"}, {"at": "noon"}, {}, {"advance_s": "1"}],
)
def test_the_clock_goes_forward_only_and_a_reset_sets_it_back(provider: Running, asked: dict[str, object]) -> None:
    provider.control("clock", advance_s=3600)
    assert provider.refusal("clock", **asked)
    assert provider.shown("clock")["offset_s"] == 3600
    provider.control("reset")
    assert provider.shown("clock")["offset_s"] == 0


def test_a_day_ahead_messages_are_a_day_ahead_and_signatures_are_not(provider: Running, inbox: Inbox) -> None:
    provider.control("clock", advance_s=86_400)
    message = provider.send(webhook_url=f"{inbox.url}/hook").json()["data"]
    now = datetime.now(UTC)
    ahead = datetime.fromisoformat(message["received_at"]) - now
    assert timedelta(hours=23, minutes=59) < ahead < timedelta(hours=24, minutes=1)
    for hook in inbox.wait(2):
        # A receiver compares the timestamp with its own clock, which no one has set.
        assert abs(int(hook.timestamp) - now.timestamp()) < 60
        assert hook.is_signed_with(provider.public_key)


def test_a_scheduled_text_goes_when_the_clock_has_come_to_it(provider: Running) -> None:
    due = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    message_id = provider.send(RECIPIENT, send_at=due).json()["data"]["id"]
    provider.control("clock", advance_s=3500)
    assert provider.status(message_id) == "scheduled"
    provider.control("clock", advance_s=120)
    eventually(lambda: provider.status(message_id) == "delivered")

"""Moments that can't be: one clear 400 that names the field, and nothing stored."""

from typing import Any

from longcode.domain.message import epoch_ms, iso
from longcode.domain.times import HORIZON_MS, MAX_TTL_S
from tests.functional.conftest import nothing_happened
from tests.support.fakes import THEIRS, Reply, World, make_world
from tests.support.fakes.clock import START_MS

HOUR = 3_600_000
BAD = [
    "", "now", "tomorrow", "2023-11-15", "2023-11-15T09:30Z", "2023-11-15T09:30:00", "2023-11-15 09:30:00",
    "20231115T093000Z", "2023-11-15T09:30:60Z", "2023-11-15T23:59:60Z", "2023-11-15T24:00:00Z",
    "2023-11-31T09:30:00Z",
    "2023-02-29T09:30:00Z", "2023-13-01T09:30:00Z", "2023-11-15T09:60:00Z", "0000-01-01T00:00:00Z",
    "2023-11-15T09:30:00.Z", "2023-11-15T09:30:00.1234567890Z", "2023-11-15T09:30:00,5Z",
    "2023-11-15T09:30:00+0500",
    "2023-11-15T09:30:00+24:00", "2023-11-15T09:30:00+05:60", " 2023-11-15T09:30:00Z", "2023-11-15T09:30:00Z\n",
    "2023-11-15T09:30:00 EST", "\u0662023-11-15T09:30:00Z", "+2023-11-15T09:30:00Z", "1700040600", "x" * 5_000,
]  # fmt: skip
TYPES: list[object] = [0, 1_700_040_600, 1.5, True, False, [], {}, ["2023-11-15T09:30:00Z"]]
OUT = ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"]


def ask(world: World, route: str = "queue", **fields: Any) -> Reply:
    body = {"to": THEIRS, "message": "Hi", **fields}
    function = "send" if route == "send" else "queue"
    return world.request(function, "POST", f"/sms/{route}", body)


def refused(fields: dict[str, Any], field: str) -> Reply:
    world = make_world()
    reply = ask(world, **fields)
    assert (reply.status, reply.fields["code"], reply.fields["field"]) == (400, "invalid_request", field), fields
    assert nothing_happened(world)
    assert world.logger.crashes == []
    return reply


def test_what_is_no_moment_is_refused() -> None:
    for name in ("send_at", "expires_at"):
        for value in [*BAD, *TYPES]:
            refused({name: value}, name)


def test_a_moment_beyond_its_limits_says_what_they_are() -> None:
    for value in OUT:
        reply = refused({"send_at": value}, "send_at")
        assert {"given", "limit"} <= set(reply.fields), value
    for name, at_ms, limit_ms in (
        ("send_at", START_MS - 60_001, START_MS - 60_000),
        ("send_at", START_MS + HORIZON_MS + 1, START_MS + HORIZON_MS),
        ("expires_at", START_MS - 1, START_MS),
    ):
        reply = refused({name: iso(at_ms)}, name)
        assert (reply.fields["given"], reply.fields["limit"]) == (iso(at_ms), iso(limit_ms))


def test_an_end_that_is_not_after_its_time_is_refused() -> None:
    at_ms = START_MS + HOUR
    for ends_ms in (at_ms, at_ms - 1, START_MS + 1):
        reply = refused({"send_at": iso(at_ms), "expires_at": iso(ends_ms)}, "expires_at")
        assert (reply.fields["given"], reply.fields["limit"]) == (iso(ends_ms), iso(at_ms))


def test_a_ttl_that_is_none_is_refused() -> None:
    values: list[object] = [0, -1, MAX_TTL_S + 1, 10**30, 1.0, 1.5, 1e300, "60", True, False, [], {}]
    for value in values:
        assert refused({"ttl_s": value}, "ttl_s").fields["limit"] == MAX_TTL_S, value
    refused({"ttl_s": 60, "expires_at": iso(START_MS + HOUR)}, "ttl_s")


def test_what_can_not_wait_has_no_moments() -> None:
    fields = {"send_at": iso(START_MS + HOUR), "expires_at": iso(START_MS + HOUR), "ttl_s": 60}
    for route in ("send", "preview"):
        for name, value in fields.items():
            world = make_world()
            reply = ask(world, route, **{name: value})
            assert (reply.status, reply.fields["field"]) == (400, name), (route, name)
            assert nothing_happened(world)


def test_the_last_minute_is_now_and_odd_spellings_are_understood() -> None:
    for at_ms in (START_MS - 59_999, START_MS - 1, START_MS):
        reply = ask(make_world(), send_at=iso(at_ms))
        assert (reply.status, reply.fields["status"]) == (202, "queued"), at_ms
    for words, meant in (
        ("2023-11-15T09:30:00-05:00", "2023-11-15T14:30:00.000Z"),
        ("2023-11-15t09:30:00z", "2023-11-15T09:30:00.000Z"),
        ("2023-11-15 09:30:00+00:00", "2023-11-15T09:30:00.000Z"),
        ("2023-11-15T09:30:00.123456789Z", "2023-11-15T09:30:00.123Z"),
        ("2023-11-15T09:30:00.5+23:59", "2023-11-14T09:31:00.500Z"),
        ("2023-11-15T09:30:00-00:00", "2023-11-15T09:30:00.000Z"),
    ):
        world = make_world()
        reply = ask(world, send_at=words)
        if (epoch_ms(meant) or 0) < START_MS - 60_000:
            assert reply.fields["given"] == meant, words
            continue
        assert (reply.status, [one.send_at_ms for one in world.messages.all]) == (202, [epoch_ms(meant)]), words
    for least_s in (1, MAX_TTL_S):
        world = make_world()
        assert ask(world, ttl_s=least_s).status == 202
        (message,) = world.messages.all
        assert message.expires_ms == message.accepted_ms + least_s * 1000

"""Where an API key may text and how much in a day: what a stolen one can do, on both routes."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from longcode.domain import destinations
from longcode.domain.status import Status
from tests.functional.conftest import nothing_happened
from tests.support.fakes import OURS, THEIRS, FakeLimits, FakeOptOuts, Reply, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.clock import START_MS
from tests.support.fakes.gateway import API_KEY_ID
from tests.support.fakes.provider import Behaviour

OTHER = "+12025550124"
BRITISH = "+442079460123"
JAMAICAN = "+18765550123"
DAY_MS = 86_400_000
TODAY, TOMORROW = "2023-11-14", "2023-11-15"
BY_KEY = f"day#{TODAY}#key#{API_KEY_ID}"
ROUTES = ["send", "queue"]


def ask(world: World, route: str, to: str = THEIRS, *, caller: str = API_KEY_ID, key: str | None = None) -> Reply:
    """One text by either route."""
    headers = {"Idempotency-Key": key} if key else None
    world.clock.pass_ms(1)  # no two requests of a caller come in the same millisecond
    return world.request(
        route, "POST", f"/sms/{route}", {"to": to, "message": "Hello"}, caller=caller, headers=headers
    )


# Any: the settings, by their names.
def guarded(allowed: str = "", **settings: Any) -> World:
    if allowed:
        settings["allowed_destinations"] = destinations.parse(allowed)
    return make_world(make_settings(**settings))


def counts(world: World) -> dict[str, int]:
    return {key: many for key, many in world.limits.counted.items() if many}


def accepted(world: World, *replies: Reply) -> bool:
    """Whether these and nothing else were taken."""
    return all(reply.status in (200, 202) for reply in replies) and len(world.messages.all) == len(replies)


# ------------------------------------------------------------------------------------------ destinations


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("to", "country"), [(BRITISH, "+44"), (JAMAICAN, "+1876"), ("+19005550123", "+1900")])
def test_without_a_setting_no_one_outside_the_senders_country_is_texted(
    world: World, route: str, to: str, country: str
) -> None:
    reply = ask(world, route, to)

    assert nothing_happened(world)
    assert counts(world) == {}
    assert (reply.status, reply.fields["code"], reply.fields["field"]) == (403, "destination_not_allowed", "to")
    assert "AllowedDestinations" in reply.fields["error"]
    assert world.metrics.counts["DestinationRefused"] == 1
    (line,) = world.logger.of("guard.destination")
    assert line.level == "warning"
    assert line.fields == {"to": f"{to[:2]}…23", "country": country, "caller": API_KEY_ID}


@pytest.mark.parametrize("route", ROUTES)
def test_a_country_that_is_named_is_texted_and_then_ours_only_if_it_is_named_too(route: str) -> None:
    world = guarded("+44")

    reply, home = ask(world, route, BRITISH), ask(world, route, THEIRS)

    assert accepted(world, reply)
    assert home.status == 403


@pytest.mark.parametrize("route", ROUTES)
def test_everywhere_is_everywhere(route: str) -> None:
    world = guarded("*")

    assert accepted(world, *(ask(world, route, to) for to in (THEIRS, BRITISH, JAMAICAN)))


def test_a_text_that_was_taken_leaves_even_if_its_country_is_no_longer_allowed() -> None:
    world = guarded("*", daily_texts_per_key=1)
    first = ask(world, "queue", BRITISH, key="order-17")
    world.service.settings = replace(
        world.settings, allowed_destinations=destinations.own_country(OURS), daily_texts_per_key=1
    )

    world.consume()

    assert world.provider.taken(first.fields["message_id"]) == 1
    # And its request can be repeated: the answer is about a text, and asks for none.
    again = ask(world, "queue", BRITISH, key="order-17")
    assert (again.status, again.fields["message_id"]) == (202, first.fields["message_id"])


# --------------------------------------------------------------------------------------- the cap of a key


@pytest.mark.parametrize("route", ROUTES)
def test_a_key_has_so_many_texts_a_day_and_an_answer_says_when_the_next_begins(route: str) -> None:
    world = guarded(daily_texts_per_key=2)
    taken = [ask(world, route), ask(world, route, OTHER)]
    limiters = dict(world.limits.limiters)

    reply = ask(world, route)

    assert accepted(world, *taken)
    assert world.limits.limiters == limiters
    assert len(world.queue.stored) + len(world.provider.requests) == 2
    assert counts(world) == {BY_KEY: 2}
    assert (reply.status, reply.fields["code"]) == (429, "daily_limit")
    assert "DailyTextsPerKey" in reply.fields["error"]
    assert world.metrics.counts["DailyLimitReached"] == 1
    (line,) = world.logger.of("guard.daily_limit")
    assert line.level == "warning"
    assert line.fields == {"limit": f"{TODAY}#key#{API_KEY_ID}", "at_most": 2, "caller": API_KEY_ID}


def test_retry_after_is_the_rest_of_the_day_in_utc() -> None:
    world = guarded(daily_texts_per_key=1)
    ask(world, "queue")
    world.clock.now = START_MS // DAY_MS * DAY_MS + DAY_MS - 90_501

    assert ask(world, "queue").headers["retry-after"] == "91"


@pytest.mark.parametrize("route", ROUTES)
def test_a_new_day_begins_at_midnight_utc(route: str) -> None:
    world = guarded(daily_texts_per_key=1)
    ask(world, route)
    world.clock.now = START_MS // DAY_MS * DAY_MS + DAY_MS - 2
    late = ask(world, route, OTHER)

    fresh = ask(world, route, OTHER)

    assert len(world.messages.all) == 2
    assert late.status == 429
    assert fresh.status in (200, 202)
    assert counts(world) == {BY_KEY: 1, f"day#{TOMORROW}#key#{API_KEY_ID}": 1}


def test_both_routes_count_together_and_each_key_for_itself() -> None:
    world = guarded(daily_texts_per_key=2)
    world.api_keys.live("anotherKeyId")
    taken = [ask(world, "send"), ask(world, "queue"), ask(world, "queue", caller="anotherKeyId")]

    assert [ask(world, route).status for route in ROUTES] == [429, 429]

    assert accepted(world, *taken)


@pytest.mark.parametrize("route", ROUTES)
def test_a_cap_of_0_is_no_cap_and_costs_no_write(route: str) -> None:
    world = guarded(daily_texts_per_key=0)

    assert accepted(world, *(ask(world, route) for _ in range(3)))

    assert world.limits.faults.count("count") == 0


def test_without_caps_by_destination_a_text_costs_one_write_more(world: World) -> None:
    ask(world, "queue")

    assert world.limits.faults.count("count", "uncount") == 1


def test_where_the_gateway_does_not_say_whose_key_it_is_the_key_is_not_written_down() -> None:
    world = guarded(daily_texts_per_key=1)
    reply = world.request(
        "queue", "POST", "/sms/queue", {"to": THEIRS, "message": "Hello"},
        headers={"x-api-key": "a-secret-of-20-letters"}, caller="",
    )  # fmt: skip

    assert (reply.status, reply.fields["code"], counts(world)) == (403, "forbidden", {})
    assert "a-secret" not in repr(world.logger.lines) + repr(world.limits.counted) + repr(reply)


# ------------------------------------------------------------------------------- the caps of destinations


@pytest.mark.parametrize("route", ROUTES)
def test_a_destination_has_so_many_texts_a_day_from_all_keys_together(route: str) -> None:
    world = guarded("+1,+44:2")
    world.api_keys.live("anotherKeyId")
    taken = [ask(world, route, BRITISH), ask(world, route, "+442079460124", caller="anotherKeyId")]

    reply = ask(world, route, BRITISH)

    assert accepted(world, *taken)
    assert (reply.status, reply.fields["code"]) == (429, "daily_limit")
    assert "+44" in reply.fields["error"]
    assert "AllowedDestinations" in reply.fields["error"]
    assert int(reply.headers["retry-after"]) == (DAY_MS - START_MS % DAY_MS) // 1000
    assert world.logger.of("guard.daily_limit")[0].fields["limit"] == f"{TODAY}#to#+44"
    assert ask(world, route, THEIRS).status in (200, 202)


@pytest.mark.parametrize("route", ROUTES)
def test_what_the_second_cap_refuses_the_first_has_not_counted(route: str) -> None:
    world = guarded("+1,+44:1")
    ask(world, route, BRITISH)

    assert [ask(world, route, BRITISH).status for _ in range(3)] == [429] * 3

    assert counts(world) == {BY_KEY: 1, f"day#{TODAY}#to#+44": 1}


def test_a_key_that_has_used_up_its_day_takes_nothing_from_a_destination() -> None:
    world = guarded("*:5", daily_texts_per_key=1)
    ask(world, "queue")

    assert ask(world, "queue").status == 429

    assert counts(world)[f"day#{TODAY}#to#*"] == 1
    assert world.limits.faults.calls[-1] == "count"


def test_only_the_entry_that_decides_counts() -> None:
    world = guarded("*:9,+44:9,+4420:9")

    ask(world, "queue", BRITISH)

    assert counts(world) == {BY_KEY: 1, f"day#{TODAY}#to#+4420": 1}


# -------------------------------------------------------------------------------------- what counts once


@pytest.mark.parametrize("route", ROUTES)
def test_a_repeated_request_counts_nothing_and_is_answered_also_over_the_cap(route: str) -> None:
    world = guarded(daily_texts_per_key=1)
    first = ask(world, route, key="order-17")

    again = ask(world, route, key="order-17")

    assert accepted(world, first)
    assert counts(world) == {BY_KEY: 1}
    assert (again.status, again.fields["message_id"]) == (first.status, first.fields["message_id"])


@pytest.mark.parametrize("route", ROUTES)
def test_of_two_requests_with_one_key_at_once_one_counts(route: str) -> None:
    class Racing(FakeLimits):
        """The other request is served between this one's look at the store and its count."""

        meanwhile: Callable[[], object] | None = None

        def count(self, key: str, at_most: int, now_ms: int, many: int = 1) -> int:
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile:
                meanwhile()
            return super().count(key, at_most, now_ms, many)

    optouts = FakeOptOuts()
    limits = Racing(optouts)
    world = make_world(make_settings(daily_texts_per_key=5), limits=limits, optouts=optouts)
    limits.meanwhile = lambda: ask(world, route, key="order-17")

    reply = ask(world, route, key="order-17")

    assert accepted(world, reply)
    assert counts(world) == {BY_KEY: 1}


@pytest.mark.parametrize("behaviour", [providers.UNREACHABLE, providers.RATE_LIMITED], ids=["unreachable", "429"])
def test_a_new_attempt_of_what_was_proven_not_sent_is_the_same_text_on_the_same_day(behaviour: Behaviour) -> None:
    world = guarded(daily_texts_per_key=1)
    world.provider.then(behaviour)
    assert ask(world, "send", key="order-17").status in (429, 503)

    again = ask(world, "send", key="order-17")

    assert len(world.provider.texts) == 1
    assert again.status == 200
    assert counts(world) == {BY_KEY: 1}


def test_a_new_attempt_on_another_day_counts_for_that_day() -> None:
    world = guarded(daily_texts_per_key=1)
    world.provider.then(providers.UNREACHABLE)
    ask(world, "send", key="order-17")
    world.clock.pass_ms(DAY_MS)
    ask(world, "send")

    again = ask(world, "send", key="order-17")

    assert len(world.provider.texts) == 1
    assert (again.status, again.fields["code"]) == (429, "daily_limit")


def test_a_new_attempt_to_where_one_may_no_longer_text_is_refused() -> None:
    world = guarded("*")
    world.provider.then(providers.UNREACHABLE)
    ask(world, "send", BRITISH, key="order-17")
    world.service.settings = replace(world.settings, allowed_destinations=destinations.own_country(OURS))

    again = ask(world, "send", BRITISH, key="order-17")

    assert world.provider.texts == []
    assert (again.status, again.fields["code"]) == (403, "destination_not_allowed")


def test_what_is_refused_for_another_reason_counts_nothing() -> None:
    world = guarded(max_pending_per_recipient=1)
    ask(world, "queue")
    before = counts(world)
    refused = [ask(world, "queue")]
    world.request("optouts", "PUT", "/sms/optouts/{number}", parameters={"number": OTHER})
    refused += [ask(world, route, OTHER) for route in ROUTES]
    world.limits.pause(world.clock.now, "wrong text")
    refused.append(ask(world, "send"))

    assert [reply.status for reply in refused] == [429, 403, 403, 503]
    assert counts(world) == before == {BY_KEY: 1}


# -------------------------------------------------------------------------------------- stores that fail


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("number", [0, 1])
def test_a_count_that_cannot_be_written_takes_nothing(route: str, number: int) -> None:
    world = guarded("*:9")
    world.limits.faults.fail("count", skip=number)

    reply = ask(world, route)

    assert nothing_happened(world)
    assert counts(world) == {}
    assert (reply.status, reply.fields["code"]) == (503, "unavailable")


@pytest.mark.parametrize("route", ROUTES)
def test_what_could_not_be_stored_has_not_counted(route: str) -> None:
    world = guarded("*:9")
    world.messages.faults.fail("accept")

    assert ask(world, route).status == 503

    assert world.messages.all == []
    assert counts(world) == {}


def test_a_recipient_queue_that_could_not_be_moved_has_not_counted(world: World) -> None:
    world.limits.faults.fail("reserve")

    assert ask(world, "send").status == 503

    assert nothing_happened(world)
    assert counts(world) == {}


@pytest.mark.parametrize("route", ROUTES)
def test_what_was_stored_though_the_answer_was_lost_counts(world: World, route: str) -> None:
    world.messages.faults.fail("accept", after=True)

    assert accepted(world, ask(world, route))

    assert counts(world) == {BY_KEY: 1}


def test_a_count_that_cannot_be_taken_back_costs_a_text_of_the_day_and_no_answer() -> None:
    world = guarded("*:1")
    ask(world, "queue")
    world.limits.faults.fail("uncount")

    reply = ask(world, "queue")

    assert [message.status for message in world.messages.all] == [Status.QUEUED]
    assert counts(world)[BY_KEY] == 2
    assert (reply.status, reply.fields["code"]) == (429, "daily_limit")
    assert world.logger.of("store.unavailable")

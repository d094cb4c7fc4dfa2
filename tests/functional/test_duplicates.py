"""`refuse_duplicates_s`: the same words to the same number are one text, for those who ask for that."""

import random
from functools import partial
from typing import Any

import pytest

from longcode.domain.status import Status
from tests.functional.conftest import nothing_happened
from tests.support.fakes import THEIRS, Reply, World, make_settings, make_world
from tests.support.fakes.fault_injector import Died
from tests.support.fakes.provider import ACCEPTS_AND_HANGS, NO_SUCH_NUMBER, RATE_LIMITED

SECOND, MINUTE, HOUR = 1_000, 60_000, 3_600_000
OTHER = "+12025550124"


def ask(world: World, route: str, to: str = THEIRS, message: str = "Hello", **more: Any) -> Reply:
    fields = {"refuse_duplicates_s": 60} | more
    return world.send(to, message, **fields) if route == "send" else world.enqueue(to, message, **fields)


def refused(reply: Reply) -> str:
    """The id of the first text, of a request that was refused for it."""
    assert (reply.status, reply.fields["code"]) == (409, "duplicate_text"), reply.fields
    assert reply.fields["field"] == "refuse_duplicates_s"
    return str(reply.fields["message_id"])


def accepted(reply: Reply) -> str:
    assert reply.status in (200, 202), reply.fields
    return str(reply.fields["message_id"])


def same_words(world: World) -> Any:
    return world.service.same_words


@pytest.mark.parametrize("route", ["send", "queue"])
def test_the_same_words_to_the_same_number_are_refused_for_so_long_and_the_first_is_named(
    world: World, route: str
) -> None:
    began = world.clock.now
    first = accepted(ask(world, route))
    world.clock.pass_ms(2 * SECOND)

    for again in ("send", "queue"):
        assert refused(ask(world, again)) == first
    assert len(world.messages.all) == 1
    assert sum(world.limits.counted.values()) == 1
    # Other words, another number, and who asks for no guard.
    assert accepted(ask(world, "queue", message="Hello!")) != first
    assert accepted(ask(world, "queue", OTHER)) != first
    assert accepted(world.enqueue()) != first
    # How long is said by who asks.
    world.clock.sleep_until(began + 50 * SECOND)
    assert accepted(ask(world, "queue", refuse_duplicates_s=40)) != first
    world.clock.pass_ms(55 * SECOND)
    assert refused(ask(world, "queue")) != first
    world.clock.pass_ms(10 * SECOND)
    accepted(ask(world, "queue"))


def test_a_text_without_the_field_closes_no_guard(world: World) -> None:
    first = accepted(world.enqueue())
    second = accepted(ask(world, "queue"))

    assert refused(ask(world, "queue")) == second != first


def test_the_words_are_those_that_would_be_stored(world: World) -> None:
    first = accepted(ask(world, "queue", message="It\u2019s " + "x" * 140, smart_encoding=True))

    assert refused(ask(world, "queue", message="It's " + "x" * 140)) == first


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_repeat_under_its_key_is_answered_as_before_and_another_key_is_another_text(
    world: World, route: str
) -> None:
    first = ask(world, route, key="mine")
    world.clock.pass_ms(2 * SECOND)

    assert accepted(ask(world, route, key="mine")) == accepted(first)
    assert refused(ask(world, route, key="other")) == accepted(first)
    # Also where others have the words by now.
    world.clock.pass_ms(2 * MINUTE)
    second = accepted(ask(world, route, key="other"))
    assert accepted(ask(world, route, key="mine")) == accepted(first) != second
    # What was asked for is a part of the request.
    reply = ask(world, route, key="mine", refuse_duplicates_s=61)
    assert (reply.status, reply.fields["code"]) == (409, "idempotency_key_reused")


def one(world: World, replies: list[Reply], route: str, **more: Any) -> None:
    replies.append(ask(world, route, **more))


def test_of_64_clients_at_once_with_the_same_words_exactly_one_is_accepted() -> None:
    for seed in range(3):
        world = make_world()
        chance = random.Random(seed)
        for faults in (world.limits.faults, world.messages.faults, same_words(world).faults):
            faults.takes = lambda chance=chance, world=world: world.clock.pass_ms(chance.randint(1, 12))
        replies: list[Reply] = []
        for number in range(64):
            route = ("send", "queue")[number % 2]
            world.clock.at(world.clock.now, partial(one, world, replies, route))
        world.clock.pass_ms(2 * SECOND)
        world.consume()

        (first,) = [accepted(reply) for reply in replies if reply.status != 409]
        assert {refused(reply) for reply in replies if reply.status == 409} == {first}
        assert len(replies) == 64
        assert [message.id for message in world.messages.all] == [first]
        assert world.provider.taken(first) == 1


def test_a_text_that_is_refused_does_not_leave_the_guard_closed() -> None:
    for behaviour in (NO_SUCH_NUMBER, RATE_LIMITED):
        world = make_world()
        world.provider.then(behaviour)
        assert ask(world, "send").status >= 400
        world.clock.pass_ms(5 * SECOND)
        accepted(ask(world, "send"))
    # Before it is stored: paused, and at the limit of a day.
    world = make_world(make_settings(daily_texts_per_key=1))
    world.limits.pause(world.clock.now, "a test")
    assert ask(world, "send").status == 503
    world.limits.resume()
    accepted(world.enqueue(OTHER))
    for route in ("send", "queue"):
        assert ask(world, route).fields["code"] == "daily_limit"
    assert same_words(world).taken == {}


def test_a_text_whose_outcome_is_unknown_keeps_the_guard_closed(world: World) -> None:
    world.provider.then(ACCEPTS_AND_HANGS)
    reply = ask(world, "send")
    assert reply.fields["code"] == "outcome_unknown"

    assert refused(ask(world, "queue")) == reply.fields["message_id"]


@pytest.mark.parametrize("route", ["send", "queue"])
def test_a_text_that_could_not_be_stored_does_not_leave_the_guard_closed(route: str) -> None:
    for after in (False, True):
        world = make_world()
        # What is stored although its answer was lost was accepted: the repeated look finds it.
        world.messages.faults.fail("accept", after=after)
        reply = ask(world, route)
        if after:
            assert refused(ask(world, "queue")) == accepted(reply)
        else:
            assert reply.status == 503
            accepted(ask(world, route))
        assert len(world.messages.all) == 1


def test_a_send_that_was_stored_and_ended_unsent_gives_the_words_free_at_once(world: World) -> None:
    world.limits.faults.fail("read_gate", skip=1)
    reply = ask(world, "send")
    assert (reply.status, reply.fields["code"]) == (503, "unavailable")
    assert [message.status for message in world.messages.all] == [Status.FAILED]

    accepted(ask(world, "queue"))


def test_a_process_that_dies_before_the_text_is_stored_frees_the_words_half_a_minute_later(world: World) -> None:
    world.messages.faults.fail("accept", Died)
    with pytest.raises(Died):
        ask(world, "queue", refuse_duplicates_s=3_600)

    assert ask(world, "queue", refuse_duplicates_s=3_600).status == 409
    world.clock.pass_ms(31 * SECOND)
    first = accepted(ask(world, "queue", refuse_duplicates_s=3_600))
    world.clock.pass_ms(31 * SECOND)
    assert refused(ask(world, "queue", refuse_duplicates_s=3_600)) == first


def test_a_text_that_was_not_sent_after_all_makes_way_and_one_that_was_does_not(world: World) -> None:
    for end, status in (("cancel", Status.CANCELLED), ("fail", Status.FAILED), ("send", Status.SUBMITTED)):
        first = accepted(ask(world, "queue", message=end, refuse_duplicates_s=3_600))
        if end == "cancel":
            world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": first})
        else:
            world.provider.then(*[NO_SUCH_NUMBER] * (end == "fail"), to=first)
            world.consume()
        found = world.messages.get(first)
        assert found
        assert found.status is status
        world.clock.pass_ms(31 * SECOND)

        reply = ask(world, "queue", message=end, refuse_duplicates_s=3_600)
        assert reply.status == (409 if end == "send" else 202), end


def test_a_text_that_was_refused_is_asked_for_again_under_its_key_and_no_other_comes_in_between(
    world: World,
) -> None:
    world.provider.then(RATE_LIMITED)
    assert ask(world, "send", key="mine").status == 429
    world.clock.pass_ms(5 * SECOND)
    others: list[Reply] = []

    def other() -> None:
        world.messages.faults.takes = lambda: None
        others.append(ask(world, "queue"))

    # While the second attempt is under way, of a text whose record says that it failed.
    same_words(world).faults.takes = lambda: None
    world.messages.faults.takes = lambda: other() if same_words(world).taken else None
    first = accepted(ask(world, "send", key="mine"))

    assert [refused(reply) for reply in others] == [first]
    assert len(world.provider.texts) == 1


def test_a_store_of_words_that_does_not_answer_lets_nothing_through_and_keeps_nothing(world: World) -> None:
    for route in ("send", "queue"):
        same_words(world).faults.fail("take")
        reply = ask(world, route)
        assert (reply.status, reply.fields["code"]) == (503, "unavailable")
    assert nothing_happened(world)
    same_words(world).faults.fail("take", after=True)
    assert ask(world, "queue", key="mine").status == 503
    accepted(ask(world, "queue", key="mine"))
    # What can't be given back makes way by itself.
    world.provider.then(NO_SUCH_NUMBER)
    same_words(world).faults.fail("give_back")
    assert ask(world, "send", OTHER).status == 400
    assert ask(world, "send", OTHER).status == 409
    world.clock.pass_ms(31 * SECOND)
    accepted(ask(world, "send", OTHER))


def test_a_window_that_is_none_is_refused_with_nothing_stored(world: World) -> None:
    bad: tuple[object, ...] = (0, -1, 86_401, 1.5, "60", True, [], {}, 10**30)
    for value in bad:
        for route in ("send", "queue"):
            reply = ask(world, route, refuse_duplicates_s=value)
            assert (reply.status, reply.fields["code"]) == (400, "invalid_request"), value
            assert (reply.fields["field"], reply.fields["limit"]) == ("refuse_duplicates_s", 86_400)
    assert nothing_happened(world)
    assert same_words(world).faults.calls == []
    for good in (1, 86_400, None):
        accepted(ask(world, "queue", message=f"Text {good}", refuse_duplicates_s=good))


def test_of_two_requests_at_once_under_one_key_the_second_opens_no_guard_that_the_first_closed() -> None:
    for other, route in (("Hello", "send"), ("Other", "queue"), ("Other", "send")):
        world = make_world()
        replies: list[Reply] = []
        for message in ("Hello", other):
            world.clock.at(world.clock.now, partial(one, world, replies, route, message=message, key="mine"))
        for faults in (world.messages.faults, world.limits.faults):
            faults.takes = partial(world.clock.pass_ms, 5)
        world.clock.pass_ms(2 * SECOND)

        codes = {str(reply.fields.get("code")): reply for reply in replies}
        assert set(codes) == {"None", "idempotency_key_in_use" if other == "Hello" else "idempotency_key_reused"}
        (stored,) = world.messages.all
        assert refused(ask(world, "queue", message=str(stored.text))) == stored.id
        if other != "Hello":
            # The words that were refused with it are free.
            accepted(ask(world, "queue", message=other if stored.text == "Hello" else "Hello"))

"""What holds for a text that waits holds for one that is held: STOP, erasure, pause, breaker, caps, validity."""

from collections.abc import Callable
from typing import Any

from longcode.domain import destinations
from longcode.domain.message import Message, iso
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.status import Status
from longcode.use_cases import opt_outs
from tests.functional.test_scheduling import run
from tests.support.fakes import THEIRS, World, make_settings, make_world

MINUTE = 60_000
HOUR = 60 * MINUTE
OTHER = "+12025550124"


def hold(world: World, to: str = THEIRS, message: str = "Hello", ahead_ms: int = 5 * MINUTE, **more: Any) -> str:
    more["send_at"] = iso(world.clock.now + ahead_ms)
    reply = world.enqueue(to, message, **more)
    assert reply.status == 202, reply.fields
    ident: str = reply.fields["message_id"]
    return ident


def stored(world: World, ident: str) -> Message:
    found = world.messages.get(ident)
    assert found
    return found


def opt(world: World, *, out: bool) -> None:
    now = world.clock.now_ms()
    opt_outs.apply(world.optouts, THEIRS, OptOutChange(now, out, "inbound", ""), now)


def test_erasing_a_person_erases_what_is_held(world: World) -> None:
    ident, other = hold(world), hold(world, OTHER)

    reply = world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})

    assert (reply.fields["erased"], reply.fields["kept"]) == (1, 0)
    assert world.messages.get(ident) is None
    run(world, 10 * MINUTE)
    assert [text.key for text in world.provider.texts] == [other]
    assert world.queue.stored == []


def test_a_stop_before_the_time_suppresses_at_the_time_unless_a_start_came(world: World) -> None:
    for start in (False, True):
        world = make_world()
        ident, other = hold(world), hold(world, OTHER)
        opt(world, out=True)
        run(world, 4 * MINUTE)
        assert stored(world, ident).status is Status.HELD
        if start:
            opt(world, out=False)
        run(world, 5 * MINUTE)
        assert stored(world, ident).status is (Status.SUBMITTED if start else Status.SUPPRESSED)
        assert (world.provider.taken(ident), world.provider.taken(other)) == (int(start), 1)


def test_a_stop_at_any_moment_before_the_claim_wins() -> None:
    for before_ms in (4 * MINUTE, 2_000, 600, 1, 0):
        world = make_world()
        ident = hold(world)
        at_ms = stored(world, ident).ready_ms
        world.clock.at(at_ms - before_ms, lambda world=world: opt(world, out=True))  # type: ignore[misc]
        run(world, 10 * MINUTE)
        claimed_ms = stored(world, ident).claimed_ms or 0
        if before_ms:
            assert (stored(world, ident).status, world.provider.taken(ident)) == (Status.SUPPRESSED, 0), before_ms
        assert claimed_ms <= at_ms + 2_000


def test_a_pause_and_the_breaker_hold_what_is_due_until_their_end_and_it_leaves_in_order() -> None:
    def pause(world: World) -> None:
        world.limits.pause(world.clock.now_ms(), "a test")

    def breaker(world: World) -> None:
        world.limits.open_breaker(world.clock.now_ms(), world.clock.now_ms() + 10 * MINUTE, "a test")

    stops: list[Callable[[World], None]] = [pause, breaker]
    for stop in stops:
        world = make_world()
        hold(world, message="second", ahead_ms=5 * MINUTE + 10)
        hold(world, message="first")
        stop(world)
        run(world, 9 * MINUTE)
        assert world.provider.texts == []
        world.enqueue(message="third")
        world.limits.resume()
        run(world, 20 * MINUTE)
        assert [text.text for text in world.provider.texts] == ["first", "second", "third"], stop


def test_the_caps_of_a_day_count_what_is_held_when_it_is_accepted() -> None:
    for settings in (
        make_settings(daily_texts_per_key=1),
        make_settings(allowed_destinations=destinations.parse("+1:1")),
    ):
        world = make_world(settings)
        hold(world, ahead_ms=48 * HOUR)
        reply = world.enqueue(OTHER)
        assert (reply.status, reply.fields["code"]) == (429, "daily_limit")
        # Of the day on which it leaves nothing is taken.
        world.clock.now += 48 * HOUR
        assert world.enqueue(OTHER).status == 202


def test_a_full_recipient_queue_is_one_of_texts_that_stand_before_the_new_one() -> None:
    world = make_world(make_settings(max_pending_per_recipient=2))
    for _ in range(2):
        hold(world, ahead_ms=HOUR)

    assert world.enqueue().status == 202
    assert world.enqueue(send_at=iso(world.clock.now + 30 * MINUTE)).status == 202
    late = world.enqueue(send_at=iso(world.clock.now + 2 * HOUR))
    assert (late.status, late.fields["code"]) == (429, "recipient_queue_full")
    assert len(world.messages.all) == 4


def test_validity_counts_from_its_time(world: World) -> None:
    ident = hold(world, ahead_ms=30 * HOUR)
    at_ms = stored(world, ident).ready_ms
    world.clock.now = at_ms - MINUTE
    world.limits.pause(world.clock.now, "a test")

    run(world, 24 * HOUR)
    assert stored(world, ident).status.waiting
    run(world, 5 * MINUTE)

    assert stored(world, ident).status is Status.EXPIRED_UNSENT
    assert world.provider.requests == []


def test_an_end_of_its_own_ends_it_while_it_is_held_too(world: World) -> None:
    ident = hold(world, ttl_s=60)
    world.limits.pause(world.clock.now, "a test")

    run(world, 8 * MINUTE)

    assert stored(world, ident).status is Status.EXPIRED_UNSENT
    assert world.provider.requests == []


def test_a_held_text_is_kept_until_it_is_final_and_no_longer_where_that_is_asked() -> None:
    world = make_world(make_settings(store_text="until_final"))
    ident, gone = hold(world), hold(world)
    world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": gone})

    assert (stored(world, ident).text, stored(world, gone).text) == ("Hello", None)
    world.report()
    run(world, 6 * MINUTE)
    assert (stored(world, ident).status, stored(world, ident).text) == (Status.DELIVERED, None)
    assert [text.text for text in world.provider.texts] == ["Hello"]


def test_held_texts_are_cancelled_by_id_and_by_tag(world: World) -> None:
    ids = [hold(world, metadata={"tag": "spring"}, ahead_ms=90 * 24 * HOUR - 5_000) for _ in range(3)]
    world.clock.now += 89 * 24 * HOUR
    one = world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": ids[0]})
    assert (one.status, one.fields["status"]) == (200, "cancelled")

    rest = world.request("queue", "DELETE", "/sms/queue", query={"tag": "spring"})

    assert rest.fields == {"cancelled": 2, "too_late": 0, "cursor": None}
    assert [world.status(ident).fields["history"][-1]["status"] for ident in ids] == ["cancelled"] * 3
    run(world, 24 * HOUR + 5 * MINUTE)
    assert world.provider.requests == []


def test_a_repeat_is_answered_with_the_first_before_at_and_after_its_time(world: World) -> None:
    at = iso(world.clock.now + 5 * MINUTE)
    first = world.enqueue(key="one", send_at=at)
    for wait_ms in (MINUTE, 4 * MINUTE - 3, 2 * MINUTE, 7 * HOUR):
        run(world, wait_ms)
        again = world.enqueue(key="one", send_at=at)
        assert (again.status, again.fields["message_id"]) == (202, first.fields["message_id"]), wait_ms
    assert len(world.provider.texts) == len(world.messages.all) == 1

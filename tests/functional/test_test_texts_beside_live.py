"""Test texts beside live ones: a live text leaves when it would without them, and no limit of it knows of them."""

import itertools
from functools import partial
from typing import Any, get_protocol_members

from longcode.domain import destinations, magic_numbers, recipient_limits
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.metrics import Metric
from longcode.domain.priority import Priority
from longcode.domain.status import Status
from longcode.use_cases import opt_out_origin
from longcode.use_cases.ports import Limits
from longcode.use_cases.test_limits import SeparateLimits
from tests.chance import FULL, drawn, showing
from tests.functional.testing_key import MINUTE, TEST_KEY, enqueue, live_marks, number, run, stored, with_test_key
from tests.support.fakes import Reply, World, call, make_settings, make_world
from tests.support.fakes.fault_injector import Died
from tests.support.fakes.gateway import API_KEY_ID

# What a call is given that is looked at by none.
ANY: Any = None

# About eight a second, beside one live text each second, to the same people.
TESTS = 10_000 if FULL else 500
LIVE, PEOPLE = (1_200, 200) if FULL else (60, 20)
ENDINGS = [outcome.ending or "0123" for outcome in magic_numbers.OUTCOMES]


def limited() -> World:
    """A world in which each limit is set that texts share."""
    campaign = CampaignSettings(att_per_minute=1_200, t_mobile_per_day=50_000, transactional=20)
    settings = make_settings(
        sender_segment_ms=20,
        account_segment_ms=10,
        campaign=campaign,
        recipient_limits=recipient_limits.parse("50/day"),
        daily_texts_per_key=0,
        allowed_destinations=destinations.parse("*"),
        max_pending_per_recipient=10_000,
        hold_on_unclear=True,
    )
    return with_test_key(make_world(settings))


def person(count: int) -> str:
    return f"+1{200 + count % PEOPLE}5550123"


def live_texts(world: World) -> list[str]:
    """A live text each second, of which each fourth is bulk; their ids as they are accepted."""
    found: list[str] = []

    def accept(count: int) -> None:
        more = {"priority": "bulk"} if count % 4 == 0 else {}
        reply = world.enqueue(person(count), f"Number {count}", metadata={"tag": "sale"}, **more)
        assert reply.status == 202, reply.fields
        found.append(str(reply.fields["message_id"]))

    for count in range(LIVE):
        world.clock.at(world.clock.now_ms() + 1_000 * count, partial(accept, count))
    return found


def texts_of_tests(world: World) -> list[str]:
    """Test texts to the same people and to each magic number, all of them in two minutes."""
    chance, found = drawn("test texts"), list[str]()

    def accept() -> None:
        to = person(chance.randrange(PEOPLE)) if chance.random() < 0.5 else number(chance.choice(ENDINGS))
        priority = chance.choice(list(Priority))
        found.append(enqueue(world, to, metadata={"tag": "sale"}, priority=priority))

    for _ in range(TESTS):
        world.clock.at(world.clock.now_ms() + chance.randrange(LIVE * 1_000), accept)
    return found


def left_after(world: World, live: list[str]) -> list[int]:
    """How long each live text took to the provider."""
    taken = {text.key: text.taken_ms for text in world.provider.texts}
    return [taken[ident] - stored(world, ident).accepted_ms for ident in live]


def test_many_test_texts_make_no_call_and_delay_no_live_text() -> None:
    alone, both = limited(), limited()
    live_alone, live, tests = live_texts(alone), live_texts(both), texts_of_tests(both)
    for world in (alone, both):
        world.report()
        run(world, world.clock.now_ms() + (60 if FULL else 25) * MINUTE)

    assert (len(live), len(tests)) == (LIVE, TESTS)
    assert all(stored(both, ident).status is Status.DELIVERED for ident in live)
    assert {text.key for text in both.provider.texts} == set(live)
    assert len(both.provider.requests) == LIVE
    found = {stored(both, ident).status for ident in tests}
    assert {Status.DELIVERED, Status.FAILED, Status.DELIVERY_FAILED, Status.SENT} <= found
    rows = zip(left_after(both, live), left_after(alone, live_alone), strict=True)
    slower = [now - before for now, before in rows]
    assert set(slower) == {0}, slower
    assert live_marks(both)["control"] == live_marks(alone)["control"]
    assert both.carriers.counted == alone.carriers.counted
    assert both.brakes.added == alone.brakes.added
    for metric in Metric:
        if metric not in TIMES:
            assert both.metrics.values.get(metric) == alone.metrics.values.get(metric), metric
    assert both.logger.crashes == []


# How long something took, and when: the live texts' own, which differ by some milliseconds.
TIMES = {Metric.PACING_WAIT, Metric.QUEUE_AGE, Metric.OLDEST_WAIT, Metric.PROVIDER_LATENCY, Metric.WEBHOOK_LAG}


def test_a_test_text_waits_for_others_of_its_person_and_a_live_one_for_none_of_them() -> None:
    world = with_test_key(make_world())
    tests = [enqueue(world, number("0123")) for _ in range(20)]
    live = str(world.enqueue(number("0123")).fields["message_id"])
    asked = world.status(live).fields
    assert (asked["position"], asked["held_by"]) == (1, None)
    assert world.status(tests[-1]).fields["position"] == 20

    run(world, world.clock.now_ms() + MINUTE)

    left = [stored(world, ident).sent_ms or 0 for ident in tests]
    assert all(later - earlier >= 1_000 for earlier, later in itertools.pairwise(left))
    assert world.provider.texts[0].taken_ms - stored(world, live).accepted_ms < 1_000


def test_a_person_s_test_texts_hold_an_invocation_for_a_second_or_two() -> None:
    took: list[int] = []
    for accept in (enqueue, World.enqueue):
        world = with_test_key(make_world())
        for _ in range(10):
            accept(world, number("0123"))
        invocation = world.mapping().poll()
        assert invocation
        took.append(invocation.ended_ms - invocation.started_ms)

    assert took[0] < 2_500 < 9_000 < took[1]


def test_an_open_breaker_a_brake_and_a_stopped_carrier_hold_no_test_text() -> None:
    world = with_test_key(make_world())
    now = world.clock.now_ms()
    world.carriers.learn(number("0123"), Subscription(Carrier.ATT, "wireless", now))
    world.limits.open_breaker(now, now + 60 * MINUTE, "20100 Insufficient funds")
    live = str(world.enqueue(number("0123")).fields["message_id"])
    before = live_marks(world)

    ident = enqueue(world, number("0123"))
    assert world.status(ident).fields["held_by"] is None
    world.consume(until_ms=now + 5_000)

    assert stored(world, ident).status is Status.DELIVERED
    assert stored(world, live).status is Status.QUEUED
    assert live_marks(world) == before


def test_the_same_words_are_no_second_time_for_the_other_kind() -> None:
    world = with_test_key(make_world())
    asked = {"to": number("0123"), "message": "Hello", "refuse_duplicates_s": 3_600}
    for caller in (TEST_KEY, API_KEY_ID):
        replies = [
            Reply.of(world.invoke("queue", call("POST", "/sms/queue", asked, caller=caller))) for _ in range(2)
        ]
        assert [reply.status for reply in replies] == [202, 409], caller
    rows = {"messages": [{"to": number("0123"), "message": "Hello"}], "dry_run": True}
    live, test = world.messages.all[1], world.messages.all[0]
    for caller, text in ((TEST_KEY, test), (API_KEY_ID, live)):
        reply = Reply.of(world.invoke("queue", call("POST", "/sms/batch", rows, caller=caller)))
        assert reply.fields["messages"][0]["duplicate_of"] == text.id


def test_a_stop_is_put_down_to_the_live_text_before_it() -> None:
    world = with_test_key(make_world())
    live = str(world.enqueue(number("0123"), metadata={"tag": "sale"}).fields["message_id"])
    world.consume()
    world.clock.pass_ms(MINUTE)
    # More than are read to find it.
    for _ in range(12):
        enqueue(world, number("0123"), metadata={"tag": "sale"})
    world.consume()

    now = world.clock.now_ms()
    text = opt_out_origin.answered(number("0123"), now, world.finder, world.messages, now)

    assert text
    assert text.id == live


def test_many_test_texts_to_a_person_hide_no_live_one() -> None:
    world = with_test_key(make_world())
    live = str(world.enqueue(number("0123"), "Hello").fields["message_id"])
    for _ in range(25):
        enqueue(world, number("0123"))
    rows = {"messages": [{"to": number("0123"), "message": "Hello"}], "dry_run": True, "duplicate_window_s": 3_600}

    checked = Reply.of(world.invoke("queue", call("POST", "/sms/batch", rows, caller=API_KEY_ID)))
    assert checked.fields["messages"][0]["duplicate_of"] == live
    page = Reply.of(
        world.invoke("messages", call("GET", "/sms/messages", query={"to": number("0123"), "limit": "10"}))
    )
    assert ([message["message_id"] for message in page.fields["messages"]], page.fields["cursor"]) == (
        [live],
        None,
    )


def test_where_the_process_ends_between_two_steps_the_reconciler_finds_the_end_on_record() -> None:
    steps = ("claim", "submitted", "record", "ambiguous")
    for ending in ("0123", "0140", "0147", "0171"):
        for step in steps:
            for after in (False, True):
                for skip in range(2 if step == "record" else 1):
                    with showing((ending, step, after, skip)):
                        dies(ending, step, after=after, skip=skip)


def dies(ending: str, step: str, *, after: bool, skip: int) -> None:
    world = with_test_key(make_world())
    ident = enqueue(world, number(ending))
    world.messages.faults.fail(step, Died, after=after, skip=skip)
    world.mapping().poll()
    world.messages.faults.clear()

    run(world, world.clock.now_ms() + 30 * MINUTE)

    wanted = Status.DELIVERY_FAILED if ending == "0140" else Status.DELIVERED
    assert stored(world, ident).status is wanted
    assert world.provider.requests == []
    assert world.metrics.values.get(Metric.WEBHOOKS_SILENT, [0])[-1] == 0


def test_where_a_store_fails_at_the_reports_they_are_read_back() -> None:
    world = with_test_key(make_world())
    ident = enqueue(world, number("0123"))
    world.messages.faults.fail("record", times=2)
    world.consume()
    assert stored(world, ident).status is Status.SUBMITTED
    assert world.metrics.counts[Metric.STORE_UNAVAILABLE] == 1

    run(world, world.clock.now_ms() + 20 * MINUTE)

    assert stored(world, ident).status is Status.DELIVERED


def test_each_call_of_the_limits_is_under_a_name_of_its_own_or_changes_nothing() -> None:
    calls = get_protocol_members(Limits)
    assert calls <= vars(SeparateLimits).keys()
    seen: list[str] = []

    class Spy:
        def __getattr__(self, name: str) -> Any:
            def call(*args: Any, **_more: Any) -> Any:
                seen.append(name)
                names = [each for each in args if type(each) is str]
                names += [each for arg in args if isinstance(arg, list) for each in arg]
                # The text's own id is no name of a limit.
                names = [each for each in names if each not in ("message", "tag")]
                assert names
                assert all(each.endswith("#test") for each in names), (name, names)
                return dict.fromkeys(names, 0) if name == "read_counts" else world.limits.read_gate("", "")

            return call

    world = make_world()
    own = SeparateLimits(Spy())
    own.read_gate("+1", "+2", Priority.BULK, "tag")
    own.reserve("to#+1", 1, 1, 1)
    own.reserve_free("to#+1", 1, 1, 1)
    own.take_turn("+2", ANY, 1)
    own.take_turn_by("+2", ANY, 1, 1)
    own.cover("to#+1", 1)
    own.give_back("to#+1", ANY, 1, 1)
    own.push("account", 1)
    own.count("day#key", 1, 1)
    own.uncount("day#key")
    assert own.read_counts(["day#key"]) == {"day#key": 0}
    own.trouble("+1", ANY, 1, 1)
    own.take_queue("+1", ANY, "message", 1, 1)
    own.leave_queue("+1", "message")
    own.settle("+1")
    # The others reach nothing.
    quiet = calls - set(seen)
    own.refused("+2", "+1", 1)
    own.set_brake("+2", None, ANY)
    own.pause(1, "why")
    own.resume()
    own.open_breaker(1, 2, "why")
    own.probe(1, 2, "message")
    own.suspect("outage", "+1", 1)
    own.clear_suspects(1)
    own.close_breaker(1)
    assert quiet == calls - set(seen)
    assert len(quiet) == 9

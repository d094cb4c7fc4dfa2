"""The flight recorder draws each wait as a bar, with what held the text: from real items and real log lines."""

import pytest

from longcode.domain.message import iso
from longcode.domain.pacing import SHORT_WAIT_MS
from longcode.domain.status import HeldBy
from longcode_cli.trace import spans
from longcode_cli.trace.model import Evidence, Group, Line, Outlook, State
from longcode_cli.trace.words import WAITS
from tests.functional.consumer_steps import A, B
from tests.support.evenings import MINUTE, at, evening, marketing, run
from tests.support.fakes import World, make_settings, make_world
from tests.support.fakes.examples import make_message
from tests.support.fakes.provider import BAD_KEY, RATE_LIMITED
from tests.support.traces import Recorded, lasted, of

SECOND, HOUR = 1_000, 3_600_000


def whole(recorded: Recorded, ident: str) -> bool:
    """Whether the bars of the queue leave no gap between the acceptance and the request."""
    trace = recorded.trace(ident)
    bars = [one for one in trace.spans if one.kind.startswith("wait.") and one.group is Group.QUEUE]
    requests = [one for one in trace.spans if one.kind.startswith("request")]
    cursor = recorded.message(ident).accepted_ms
    for one in sorted([*bars, *requests], key=lambda one: one.start_ms):
        if one.start_ms - cursor > 100:
            return False
        cursor = max(cursor, one.ended(trace.now_ms))
    return True


@pytest.fixture
def recorded(world: World) -> Recorded:
    return Recorded(world)


@pytest.fixture
def world() -> World:
    return make_world()


def test_ten_texts_to_one_person_each_wait_a_second_more_for_the_recipients_rate(recorded: Recorded) -> None:
    idents = [recorded.queue(A) for _ in range(10)]
    recorded.world.consume()

    waited = [lasted(recorded.trace(ident), "wait.recipient_rate") for ident in idents]
    assert waited[0] == 0
    assert all(abs(ms - number * SECOND) < 350 for number, ms in enumerate(waited)), waited
    assert all(whole(recorded, ident) for ident in idents)
    (bar,) = of(recorded.trace(idents[5]), "wait.recipient_rate")
    assert (bar.label, bar.state, bar.source) == ("Recipient's rate", State.WAITING, "log")
    assert "send.waited" in [recorded.trace(idents[5]).lines[place].event for place in bar.lines]


def test_a_wait_over_several_invocations_is_one_bar(recorded: Recorded) -> None:
    recorded = Recorded(make_world(make_settings(recipient_interval_ms=SHORT_WAIT_MS)))
    idents = [recorded.queue(A) for _ in range(4)]
    recorded.world.consume()

    bars = of(recorded.trace(idents[3]), "wait.recipient_rate")
    assert len(bars) == 1
    assert abs(lasted(recorded.trace(idents[3]), "wait.recipient_rate") - 3 * SHORT_WAIT_MS) < 2_500
    assert whole(recorded, idents[3])


@pytest.mark.parametrize("limit", ["sender", "account"])
def test_a_shared_limit_is_named(limit: str) -> None:
    recorded = Recorded(make_world(make_settings(**{f"{limit}_segment_ms": 3_000})))
    idents = [recorded.queue(f"+1202555{101 + number:04}") for number in range(4)]
    recorded.world.consume()

    assert abs(lasted(recorded.trace(idents[3]), f"wait.{limit}_rate") - 9_000) < 1_500
    assert lasted(recorded.trace(idents[3]), "wait.recipient_rate") == 0


def test_a_pause_is_drawn_from_its_first_look_to_its_end(recorded: Recorded) -> None:
    world = recorded.world
    world.limits.pause(world.clock.now, "wrong template")
    ident = recorded.queue(A)
    world.consume(until_ms=world.clock.now + 30 * SECOND)
    held = recorded.trace(ident, Outlook(HeldBy.PAUSED, None, "wrong template"))
    (bar,) = of(held, "wait.paused")
    assert (bar.end_ms, bar.state) == (None, State.WAITING)
    assert "wrong template" in bar.detail
    assert held.ended_ms is None

    world.consume(until_ms=world.clock.now + 60 * SECOND)
    world.limits.resume()
    world.consume()
    over = recorded.trace(ident)
    assert 60 * SECOND <= lasted(over, "wait.paused") <= 100 * SECOND
    assert len(of(over, "wait.paused")) == 1
    assert whole(recorded, ident)


def test_a_text_over_a_breaker_shows_the_breaker(recorded: Recorded) -> None:
    world = recorded.world
    world.provider.then(BAD_KEY, BAD_KEY)
    first, second = recorded.queue(A), recorded.queue(B)
    world.consume()

    refused = of(recorded.trace(first), "request.refused")
    assert refused
    assert all(one.state is State.FAULT for one in refused)
    assert "10009" in refused[0].detail
    for ident in (first, second):
        trace = recorded.trace(ident)
        assert lasted(trace, "wait.breaker") > 10 * SECOND, trace.spans
        assert of(trace, "request")
        assert whole(recorded, ident)


def test_a_provider_that_wants_less_is_named_and_each_try_is_drawn(recorded: Recorded) -> None:
    recorded.world.provider.then(RATE_LIMITED, RATE_LIMITED)
    ident = recorded.queue(A)
    recorded.world.consume()

    trace = recorded.trace(ident)
    requests = [one for one in trace.spans if one.kind.startswith("request")]
    assert [one.state for one in requests] == [State.FAULT, State.FAULT, State.OK]
    assert [one.label for one in requests][1:] == ["Request 2: asked to slow down", "Request 3: taken"]
    assert lasted(trace, "wait.provider_backoff") >= 6 * SECOND
    # It is the wait after an unclear answer, too, of a provider that asked for nothing.
    assert {(one.label, "did not take" in one.detail) for one in of(trace, "wait.provider_backoff")} == {
        ("Back-off", True)
    }
    assert whole(recorded, ident)


def test_a_scheduled_text_shows_its_schedule_then_what_it_waited_for(recorded: Recorded) -> None:
    world = recorded.world
    send_at = world.clock.now + 9 * HOUR
    ident = recorded.queue(A, send_at=iso(send_at))
    (bar,) = of(recorded.trace(ident, Outlook(HeldBy.SCHEDULE, send_at)), "wait.schedule")
    assert (bar.end_ms, bar.facts) == (None, (("until", iso(send_at)),))

    run(world, send_at + MINUTE)
    trace = recorded.trace(ident)
    (bar,) = of(trace, "wait.schedule")
    assert (bar.start_ms, bar.end_ms) == (recorded.message(ident).accepted_ms, send_at)
    assert of(trace, "request")
    assert whole(recorded, ident)


def test_quiet_hours_are_drawn_also_where_a_text_came_to_its_turn_in_them() -> None:
    recorded = Recorded(evening("2026-07-01 20:59:40"))
    world, morning = recorded.world, at("2026-07-02 08:00:00")
    late = marketing(world, A)
    world.clock.pass_ms(30 * SECOND)
    at_once = marketing(world, B)
    run(world, morning + MINUTE)

    for ident in (late, at_once):
        (bar,) = of(recorded.trace(ident), "wait.quiet_hours")
        assert bar.end_ms == morning, bar
        assert of(recorded.trace(ident), "wait.schedule") == []
        assert whole(recorded, ident)


@pytest.mark.parametrize("held_by", HeldBy)
def test_whatever_holds_a_text_has_a_bar_of_its_own(held_by: HeldBy) -> None:
    message = make_message(route="queue", history=(), claimed_ms=None)
    begun = message.accepted_ms
    fields = {"message_ids": [message.id], "held_by": held_by.value, "until_ms": begun + 9_000}
    line = Line(begun + 1_000, "consumer", "INFO", "batch", fields)
    outlook = Outlook(held_by, begun + 9_000)
    trace = spans.trace(Evidence(message, [line], outlook=outlook), begun + 5_000)

    (bar,) = of(trace, f"wait.{held_by.value}")
    assert (bar.label, bar.start_ms, bar.end_ms) == (WAITS[held_by][0], begun + 1_000, None)
    assert ("may leave at", iso(begun + 9_000)) in bar.facts


def test_without_log_lines_the_record_says_what_it_can_and_no_more(recorded: Recorded) -> None:
    world = recorded.world
    world.consume()
    idents = [recorded.queue(A) for _ in range(3)]
    world.consume()

    trace = recorded.trace(idents[2], logs=False)
    bars = [one for one in trace.spans if one.group is Group.QUEUE]
    assert bars
    assert all(one.source in ("table", "derived") for one in bars)
    assert {one.label for one in bars} <= {"Recipient's rate", "Waiting in the queue"}
    assert of(trace, "request")[0].source == "table"
    assert "not known" in of(trace, "request")[0].detail


def test_an_unknown_wait_is_called_one() -> None:
    message = make_message(route="queue", history=(), claimed_ms=None)
    fields = {"message_ids": [message.id], "held_by": None, "until_ms": message.accepted_ms + 15_000}
    line = Line(message.accepted_ms + 100, "consumer", "INFO", "batch", fields)
    later = Line(
        message.accepted_ms + 15_300,
        "consumer",
        "INFO",
        "batch",
        {**fields, "until_ms": message.accepted_ms + 40_000},
    )
    trace = spans.trace(Evidence(message, [line, later]), message.accepted_ms + 20_000)

    assert [one.label for one in of(trace, "wait.unknown")] == ["Waiting in the queue"]
    assert State.FAULT not in {one.state for one in trace.spans}

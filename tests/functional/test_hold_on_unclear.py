"""HoldOnUnclear: who may have asked for an end gets no text until that is answered, and all others get theirs."""

import uuid

import pytest

from longcode.domain.message import Message
from longcode.domain.metrics import Metric
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.status import Status
from longcode.use_cases import opt_outs
from tests.functional.conftest import nothing_happened
from tests.support.fakes import OURS, THEIRS, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.webhooks import inbound

MINUTE, HOUR = 60_000, 3_600_000
OTHERS = "+12025550124"


@pytest.fixture
def holding() -> World:
    return make_world(make_settings(hold_on_unclear=True))


def ask_for_an_end(world: World) -> str:
    ident = str(uuid.uuid4())
    world.webhook(inbound(THEIRS, "Please stop", world.clock.now, to=OURS, telnyx_id=ident))
    return ident


def sent_to(world: World, number: str) -> int:
    return len(world.provider.arrivals(number))


def test_what_waits_and_what_comes_is_held_and_others_get_their_texts(holding: World) -> None:
    before = holding.enqueue().fields["message_id"]
    ask_for_an_end(holding)
    after = holding.enqueue()
    holding.enqueue(to=OTHERS)

    holding.consume(until_ms=holding.clock.now + HOUR)

    assert (sent_to(holding, THEIRS), sent_to(holding, OTHERS)) == (0, 1)
    assert (after.status, after.fields["held_by"], after.fields["eta"]) == (202, "opt_out_unclear", None)
    fields = holding.status(before).fields
    assert (fields["status"], fields["held_by"], fields["attempts"]) == ("queued", "opt_out_unclear", 0)
    assert "may ask for an end" in fields["history"][1]["note"]


def test_a_dismissal_lets_all_leave_in_order_within_a_minute(holding: World) -> None:
    ident = ask_for_an_end(holding)
    for number in range(3):
        holding.enqueue(message=f"number {number}")
    holding.consume(until_ms=holding.clock.now + 10 * MINUTE)
    dismissed_ms = holding.clock.now
    assert holding.provider.requests == []

    assert opt_outs.dismiss(holding.optouts, THEIRS, ident, dismissed_ms) == 1
    holding.consume(until_ms=dismissed_ms + HOUR)

    assert [text.text for text in holding.provider.texts] == [f"number {number}" for number in range(3)]
    assert holding.provider.arrivals(THEIRS)[0] - dismissed_ms <= MINUTE + 1_000
    assert holding.queue.stored == []


def test_an_opt_out_ends_them_unsent(holding: World) -> None:
    ask_for_an_end(holding)
    waiting = holding.enqueue().fields["message_id"]
    holding.consume(until_ms=holding.clock.now + MINUTE)

    now = holding.clock.now
    opt_outs.apply(holding.optouts, THEIRS, OptOutChange(now, True, "operator"), now)
    holding.consume(until_ms=now + HOUR)

    assert holding.provider.requests == []
    assert holding.status(waiting).fields["status"] == "suppressed"


def test_their_own_start_lets_them_leave(holding: World) -> None:
    ask_for_an_end(holding)
    holding.enqueue()
    holding.consume(until_ms=holding.clock.now + MINUTE)
    assert holding.provider.requests == []

    holding.webhook(inbound(THEIRS, "START", holding.clock.now, to=OURS))
    holding.consume(until_ms=holding.clock.now + 2 * MINUTE)

    assert sent_to(holding, THEIRS) == 1


def test_what_no_one_answers_ends_when_it_has_waited_too_long(holding: World) -> None:
    ask_for_an_end(holding)
    waiting = holding.enqueue().fields["message_id"]

    holding.consume(until_ms=holding.clock.now + 26 * HOUR)

    assert holding.provider.requests == []
    assert holding.status(waiting).fields["status"] == "expired_unsent"
    assert holding.queue.dead == []


def test_a_send_at_once_is_refused_and_nothing_is_stored(holding: World) -> None:
    ask_for_an_end(holding)
    stored = len(holding.messages.all)

    reply = holding.send()

    assert (holding.provider.requests, len(holding.messages.all)) == ([], stored)
    assert (reply.status, reply.fields["code"], reply.headers["retry-after"]) == (409, "opt_out_unclear", "60")
    assert holding.send(to=OTHERS).status == 200


def test_a_send_at_once_hears_what_comes_between_its_first_look_and_its_claim(holding: World) -> None:
    taken = holding.messages.accept

    def overtaken(message: Message) -> Message | None:
        ask_for_an_end(holding)
        holding.messages.accept = taken  # type: ignore[method-assign]
        return taken(message)

    holding.messages.accept = overtaken  # type: ignore[method-assign]

    reply = holding.send(key="k-1")

    assert holding.provider.requests == []
    assert (reply.status, reply.fields["code"]) == (409, "opt_out_unclear")
    opt_outs.dismiss(holding.optouts, THEIRS, None, holding.clock.now)
    assert holding.send(key="k-1").status == 200


def test_a_text_in_doubt_is_not_repeated_until_it_is_answered(holding: World) -> None:
    holding.provider.shows_queued = False
    holding.provider.then(providers.HANGS)
    holding.send()
    ask_for_an_end(holding)
    asked = len(holding.provider.requests)

    for _ in range(60):
        holding.clock.pass_ms(MINUTE)
        holding.reconcile()
    held = len(holding.provider.requests)
    opt_outs.dismiss(holding.optouts, THEIRS, None, holding.clock.now)
    for _ in range(60):
        holding.clock.pass_ms(MINUTE)
        holding.reconcile()

    assert (asked, held, len(holding.provider.requests)) == (1, 1, 2)


def test_a_held_text_is_not_overdue_until_half_of_its_time_is_over(holding: World) -> None:
    ask_for_an_end(holding)
    holding.enqueue()
    overdue: list[float] = []
    for hours in (6, 7):
        holding.consume(until_ms=holding.clock.now + hours * HOUR)
        holding.reconcile()
        overdue.append(holding.metrics.values[Metric.OVERDUE][-1])

    assert overdue[0] == 0
    assert overdue[1] > 0


def test_without_the_setting_nothing_is_held(world: World) -> None:
    ask_for_an_end(world)
    world.enqueue()
    world.consume()

    assert world.send().status == 200
    assert (sent_to(world, THEIRS), world.messages.all[-1].status) == (2, Status.SUBMITTED)
    assert not nothing_happened(world)

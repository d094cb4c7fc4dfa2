"""Faults in any number and order, over several recipients at once: what is promised holds all the same."""

import contextlib
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from longcode.domain.errors import Unavailable
from longcode.domain.message import iso
from longcode.domain.schedule import EARLY_MS
from longcode.domain.status import Status
from tests.chance import SEED, times
from tests.faults.matrix import HOUR, INTERVAL_MS, LASTS_MS, MINUTE, PROVIDER, Evidence, Stage
from tests.support.fakes import World
from tests.support.fakes import provider as behaviours
from tests.support.fakes.fault_injector import Died, unavailable

RECIPIENTS = [f"+120255501{number:02d}" for number in (23, 45, 67, 89)]
# Each call that the consumer, the reconciler and the webhook make, and the put of the API.
CALLS = (
    *(("messages", call) for call in ("claim", "get", "submitted", "ambiguous", "release", "end", "hold")),
    *(("messages", call) for call in ("record", "mark_replayed", "due_messages", "set_due")),
    *(("messages", call) for call in ("read", "get_all", "recipient_queue", "queued", "held")),
    *(("limits", call) for call in ("read_gate", "reserve", "push", "open_breaker", "probe", "close_breaker")),
    *(("limits", call) for call in ("suspect", "clear_suspects", "trouble", "settle", "cover", "give_back")),
    *(("limits", call) for call in ("refused", "set_brake", "take_turn")),
    *(("queue", call) for call in ("put", "set_timers", "hide", "delete")),
    *(("provider", call) for call in ("prepare", "send", "record_of", "campaign")),
    ("carriers", "learn"),
)


@dataclass(frozen=True)
class Fault:
    """A call that fails or kills, before or after it took effect."""

    store: str
    call: str
    kills: bool
    after: bool
    skip: int

    def failure(self) -> Callable[[], BaseException]:
        # A request to the provider never raises; it can only be the last thing that a process did.
        kills = self.kills or (self.store, self.call) in (("provider", "send"), ("provider", "record_of"))
        return Died if kills else unavailable


faults = st.builds(
    Fault,
    store=st.just(""),
    call=st.just(""),
    kills=st.booleans(),
    after=st.booleans(),
    skip=st.integers(0, 12),
).flatmap(
    lambda fault: st.sampled_from(CALLS).map(
        lambda call: Fault(call[0], call[1], fault.kills, fault.after, fault.skip)
    )
)
# To whom, after how long it is asked for, and how long after that it is to be sent.
texts = st.tuples(
    st.sampled_from(RECIPIENTS), st.integers(0, 90_000), st.sampled_from((0, 0, 0, 5_000, 40_000, 400_000))
)
answers = st.sampled_from([*PROVIDER.values(), behaviours.BAD_KEY])
# A text is asked for once and repeated five times within 23 hours: one that is in doubt each time stays so.
REQUESTS = 6


class Storm(Stage):
    """A stage on which anything may fail."""

    def enqueue(self, recipient: str, ahead_ms: int) -> None:
        """Ask for a text. If the API fails before it is stored, that is the end of it."""
        with contextlib.suppress(Died):
            self.world.enqueue(recipient, **({"send_at": iso(self.clock.now + ahead_ms)} if ahead_ms else {}))

    def reconcile_failed(self, exc: BaseException) -> None:
        assert isinstance(exc, Unavailable | Died)


def unanswered(replies: list[behaviours.Behaviour]) -> int:
    """How many leave a text in doubt that the provider has not taken."""
    return sum(reply in (behaviours.FAILS_500, behaviours.HANGS) for reply in replies)


@seed(SEED)
@settings(max_examples=times(100), deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    planned_texts=st.lists(texts, min_size=1, max_size=14),
    planned=st.lists(faults, max_size=5),
    replies=st.lists(answers, max_size=8).filter(lambda replies: unanswered(replies) < REQUESTS),
    doubled=st.lists(st.integers(0, 13), max_size=3),
    evidence=st.sampled_from(Evidence),
)
def test_whatever_fails_nothing_is_taken_twice_and_each_recipient_queue_keeps_its_order_and_distance(
    planned_texts: list[tuple[str, int, int]],
    planned: list[Fault],
    replies: list[behaviours.Behaviour],
    doubled: list[int],
    evidence: Evidence,
) -> None:
    stage = Storm(evidence=evidence, validity_minutes=3 * 1440)
    world, provider = stage.world, stage.world.provider
    provider.carriers |= dict.fromkeys(RECIPIENTS[1:], ("T-MOBILE USA, INC.", "Wireless"))
    injectors = {
        "messages": world.messages.faults,
        "limits": world.limits.faults,
        "carriers": world.carriers.faults,
        "queue": world.queue.faults,
        "provider": provider.faults,
    }

    for recipient, after_ms, ahead_ms in planned_texts:
        stage.clock.at(stage.start_ms + after_ms, partial(stage.enqueue, recipient, ahead_ms))
    stage.clock.sleep_until(stage.start_ms)
    for fault in planned:
        injectors[fault.store].fail(fault.call, fault.failure(), after=fault.after, skip=fault.skip)
    provider.then(*replies)
    for number in doubled:
        if number < len(world.messages.all):
            world.queue.duplicate(world.messages.all[number].id)
    stage.run(2 * LASTS_MS)

    queue_works = not any(fault.store == "queue" for fault in planned)
    for recipient in RECIPIENTS:
        is_delivered_in_order(world, recipient, evidence, queue_works=queue_works)
    assert not world.queue.stored
    assert not world.queue.dead
    assert not world.logger.crashes


def is_delivered_in_order(world: World, recipient: str, evidence: Evidence, *, queue_works: bool) -> None:
    """Assert that each text of a recipient was taken once, in order and at its distance, and how it ended."""
    provider = world.provider
    messages = [message for message in world.messages.all if message.recipient == recipient]
    assert all(provider.taken(message.id) <= 1 for message in messages)
    arrivals = provider.arrivals(recipient)
    assert all(b - a >= INTERVAL_MS for a, b in itertools.pairwise(arrivals))
    sure = [
        message
        for message in messages
        if provider.taken(message.id) and not any(entry.status == "unknown" for entry in message.history)
    ]
    left = sorted(sure, key=lambda message: provider.text(message.id).taken_ms)
    assert all(provider.text(message.id).taken_ms >= message.ready_ms for message in sure)
    for one, later in itertools.combinations(left, 2):
        # A text is in its queue up to so long before its time: one that is accepted after that stands behind it.
        assert one.place <= later.place or later.accepted_ms > one.ready_ms - EARLY_MS, (one, later)
    if queue_works and not any(message.not_before_ms for message in messages):
        # Of one millisecond the queue alone knows the order, and only where it has them all.
        assert left == sure
    for message in messages:
        assert provider.taken(message.id) == 1, message
        # Each webhook may fail three times over; then the records tell.
        known = {Status.DELIVERED} if evidence is not Evidence.NOTHING else {Status.SUBMITTED, Status.UNKNOWN}
        assert message.status in known, message


@pytest.mark.parametrize("minutes", [10, 11, 12, 13])
def test_a_replay_keeps_its_distance_in_a_busy_recipient_queue(minutes: int) -> None:
    """The reconciler sends it, while the consumer sends the others."""
    stage = Stage()
    world, provider = stage.world, stage.world.provider
    first = world.enqueue(RECIPIENTS[0]).fields["message_id"]
    provider.then(behaviours.FAILS_500, to=first)
    for number in range(90):
        at = stage.start_ms + minutes * MINUTE - 30_000 + number * 700
        stage.clock.at(at, lambda: world.enqueue(RECIPIENTS[0]))
    stage.run(HOUR)
    arrivals = provider.arrivals(RECIPIENTS[0])
    assert len(arrivals) == 91
    assert min(b - a for a, b in itertools.pairwise(arrivals)) >= INTERVAL_MS
    assert provider.taken(first) == 1

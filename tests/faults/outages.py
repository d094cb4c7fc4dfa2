"""A provider or a store that is gone for a while: what waits through it, and what became of it afterwards.

An outage begins in the middle of traffic. What counts is what the provider took, in which order and how often.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from longcode.domain.errors import Unavailable
from longcode.domain.status import Status
from tests.faults.matrix import HOUR, MINUTE, Evidence, Stage
from tests.support.fakes import World
from tests.support.fakes import provider as behaviours
from tests.support.fakes.fault_injector import FaultInjector
from tests.support.fakes.messages import WRITES
from tests.support.fakes.provider import Behaviour, refuses

DAY = 24 * HOUR
# What the provider does with every request as long as the outage lasts. Its records can't be read then.
PROVIDER: dict[str, Behaviour] = {
    "connections are refused": Behaviour(takes=False, status=None, reached=False, latency_ms=5),
    "connecting times out": Behaviour(takes=False, status=None, reached=False, latency_ms=3_000),
    "500, nothing is taken": refuses(500, "10007", "Unexpected error"),
    "502 from something in between": Behaviour(takes=False, status=502, body=b"<html>Bad gateway</html>"),
    "hangs": Behaviour(takes=False, status=None, latency_ms=10_000),
    "takes texts and hangs": Behaviour(status=None, latency_ms=10_000),
    "takes texts and answers 500": behaviours.ACCEPTS_THEN_500,
    "403 with HTML": Behaviour(takes=False, status=403, body=b"<html>Forbidden</html>"),
    "404, a wrong address": Behaviour(takes=False, status=404, body=b""),
    "301, a redirect": Behaviour(takes=False, status=301, body=b""),
    "200 with HTML": Behaviour(takes=False, status=200, body=b"<html>Sign in</html>"),
    "429 for everybody": refuses(429, "10011", "Too many requests", retry_after="2"),
    "409 without a reason": Behaviour(takes=False, status=409, body=b""),
    "503, overloaded": behaviours.OVERLOADED,
    "the key is refused": behaviours.BAD_KEY,
    "the number is on no profile": refuses(403, "40300", "The number is not on a messaging profile"),
    "an unknown code for all": refuses(400, "49999", "Something new"),
}
# The provider refuses the first texts in words of its own, before it is known that it refuses all: as many fail as
# are under way at once.
REFUSES = "an unknown code for all"
# It may have taken the text, so that this is in doubt until it is asked again, after ten minutes at the soonest.
DOUBTFUL = ("500, nothing is taken", "502 from something in between", "hangs", "200 with HTML")
LENGTHS_MS = {"1 min": MINUTE, "20 min": 20 * MINUTE, "5 h": 5 * HOUR, "20 h": 20 * HOUR}
RECIPIENTS = [f"+1202555{101 + number:04}" for number in range(30)]


def provider_fails(stage: Stage, behaviour: Behaviour) -> Callable[[], None]:
    """Begin an outage of the provider; what ends it."""
    provider = stage.world.provider
    provider.usual, provider.records_readable = behaviour, False

    def end() -> None:
        provider.usual, provider.records_readable = behaviours.ACCEPTS, True

    return end


def stores_fail(*stores: tuple[FaultInjector, Sequence[str]]) -> Callable[[], None]:
    """Begin an outage of stores, in those of their calls; what ends it."""
    for injector, calls in stores:
        for call in calls:
            injector.fail(call, times=10**9)

    def end() -> None:
        for injector, _ in stores:
            injector.clear()

    return end


MESSAGES = (
    *WRITES,
    "get",
    "find",
    "get_all",
    "read",
    "recipient_queue",
    "queue_length",
    "waiting",
    "due_messages",
    "held",
)
LIMITS = (
    "read_gate", "reserve", "cover", "push", "count", "uncount", "give_back", "take_turn", "refused", "set_brake",
    "open_breaker", "probe", "suspect", "clear_suspects", "trouble", "settle", "close_breaker", "take_queue",
    "leave_queue",
)  # fmt: skip
# What else may be gone for a while, and how it is made to be.
STORES: dict[str, Callable[[Stage], Callable[[], None]]] = {
    "the messages table": lambda stage: stores_fail((stage.world.messages.faults, MESSAGES)),
    "the limits table": lambda stage: stores_fail((stage.world.limits.faults, LIMITS)),
    "both tables": lambda stage: stores_fail(
        (stage.world.messages.faults, MESSAGES), (stage.world.limits.faults, LIMITS)
    ),
    "the queue, for what is put in": lambda stage: stores_fail((stage.queue.faults, ("put", "set_timers"))),
    "the queue, for every call": lambda stage: stores_fail(
        (stage.queue.faults, ("put", "set_timers", "hide", "delete", "size", "receive"))
    ),
    "the secret": lambda stage: stores_fail((stage.world.provider.faults, ("prepare",))),
}


class Patient(Stage):
    """A stage whose reconciler may find a store down: it comes again in a minute."""

    def reconcile_failed(self, exc: BaseException) -> None:
        assert isinstance(exc, Unavailable)


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What became of the texts of an outage. `waited_ms`: how long after its end the last one was taken."""

    accepted: int
    taken: int
    twice: int
    delivered: int
    failed: int
    unsettled: int
    disordered: int
    dead: int
    most_receives: int
    requests: int
    most_attempts: int
    waited_ms: int


def problems(kind: str, length: str, found: Aftermath) -> list[str]:
    """What an outage did that it must not."""
    refused = found.failed if kind == REFUSES else 0
    said = {
        "lost": found.accepted - found.taken - refused,
        "taken twice": found.twice,
        "not delivered": found.accepted - found.delivered - refused,
        "not settled": found.unsettled,
        "in the queue or among the dead letters": found.dead,
        "attempts beyond one": found.most_attempts - 1,
        "failed beyond those under way": max(0, found.failed - 30) if kind == REFUSES else found.failed,
    }
    if length != "1 min" or kind not in DOUBTFUL:
        said["out of order"] = found.disordered
    return [f"{count} {what}" for what, count in said.items() if count]


@cache
def outage(kind: str, length: str) -> Aftermath:
    """Run one; the same only once a process."""
    if kind in STORES:
        return run(STORES[kind], LENGTHS_MS[length])
    return run(lambda stage: provider_fails(stage, PROVIDER[kind]), LENGTHS_MS[length])


def run(
    begin: Callable[[Stage], Callable[[], None]],
    lasts_ms: int,
    *,
    texts_before: int = 3,
    recipients: int = 30,
    evidence: Evidence = Evidence.RECEIPTS,
    honours_keys: bool = True,
    pollers: int = 3,
) -> Aftermath:
    """Texts before, in and after an outage, and a day more for all of it to settle."""
    stage = Patient(evidence=evidence, honours_keys=honours_keys, pollers=pollers)
    clock, world = stage.clock, stage.world
    began = stage.start_ms + 10_000
    ended = began + lasts_ms
    ids: list[str] = []

    def ask(recipient: str) -> None:
        reply = world.enqueue(recipient, "Hello", key=f"{clock.now_ms()}/{recipient}")
        if reply.status == 202:
            ids.append(reply.fields["message_id"])

    # Most a moment before, so that they wait when it begins, and one to each in the midst of it.
    for number, recipient in enumerate(RECIPIENTS[:recipients]):
        moments = [began - 1_500 + number * 40 + turn for turn in range(texts_before)]
        for at in (*moments, began + lasts_ms // 3 + number * 40):
            clock.at(at, lambda recipient=recipient: ask(recipient))  # type: ignore[misc]
    ends: list[Callable[[], None]] = []
    clock.at(began, lambda: ends.append(begin(stage)))
    clock.at(ended, lambda: ends[0]())
    stage.run(lasts_ms + 26 * HOUR)

    return aftermath(world, ids, RECIPIENTS[:recipients], ended)


def aftermath(world: World, ids: Sequence[str], recipients: Sequence[str], ended: int) -> Aftermath:
    """What became of the texts with these ids, from the outage on that ended then."""
    provider, queue = world.provider, world.queue
    messages = [message for message in world.messages.all if message.id in set(ids)]
    first = {text.key: text.taken_ms for text in reversed(provider.texts)}
    disordered = 0
    for recipient in recipients:
        order = [
            first[message.id] for message in messages if message.recipient == recipient and message.id in first
        ]
        disordered += sum(a > b for a, b in itertools.pairwise(order))
    return Aftermath(
        accepted=len(ids),
        taken=len(set(first) & set(ids)),
        twice=sum(provider.taken(ident) > 1 for ident in ids),
        delivered=sum(message.status is Status.DELIVERED for message in messages),
        failed=sum(message.status is Status.FAILED for message in messages),
        unsettled=sum(message.status in (Status.UNKNOWN, Status.QUEUED, Status.SENDING) for message in messages),
        disordered=disordered,
        dead=len(queue.dead) + len(queue.stored),
        most_receives=max(queue.receives.values(), default=0),
        requests=len(provider.requests),
        most_attempts=max((message.attempts for message in messages), default=0),
        waited_ms=max([*first.values(), ended]) - ended,
    )

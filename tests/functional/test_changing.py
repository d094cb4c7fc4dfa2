"""PATCH /sms/queue/{id}: what is held is changed, and leaves as it was changed to, or not at all."""

from collections.abc import Callable
from functools import partial
from typing import Any

from longcode.domain.events import Change
from longcode.domain.message import KEPT_ENTRIES, Message, epoch_ms, iso
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import publish
from longcode.use_cases.ports import Claim
from tests.functional.test_scheduling import run
from tests.support.fakes import THEIRS, FakeClock, FakeMessages, Reply, World, make_settings, make_world
from tests.support.fakes.examples import make_message
from tests.support.fakes.fault_injector import unavailable

MINUTE = 60_000
DAY = 1440 * MINUTE
OTHER = "+12025550124"
NO_ONE = "40385f64-5717-4562-b3fc-2c963f66afa6"


def change(world: World, ident: str, **body: Any) -> Reply:
    world.clock.pass_ms(1)
    return world.request("queue", "PATCH", "/sms/queue/{id}", body, parameters={"id": ident})


def hold(world: World, ahead_ms: int = 10 * MINUTE, **more: Any) -> str:
    ident: str = world.enqueue(send_at=iso(world.clock.now + ahead_ms), **more).fields["message_id"]
    return ident


def stored(world: World, ident: str) -> Message:
    found = world.messages.get(ident)
    assert found
    return found


def sent(world: World) -> list[tuple[str, str]]:
    return [(text.key, text.text) for text in world.provider.texts]


class Overtaken(FakeMessages):
    """A table in which something happens right before a claim or a change."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(now_ms=clock.now_ms)
        self.first: Callable[[], object] | None = None

    def _happen(self) -> None:
        first, self.first = self.first, None
        if first:
            first()

    def claim(self, message_id: str, claim_id: str, now_ms: int) -> Claim:
        self._happen()
        return super().claim(message_id, claim_id, now_ms)

    def change(self, seen: Message, changed: Message) -> bool:
        self._happen()
        return super().change(seen, changed)


def overtaken() -> tuple[World, Overtaken]:
    clock = FakeClock()
    messages = Overtaken(clock)
    return make_world(clock=clock, messages=messages), messages


# ------------------------------------------------------------------------------------------ what it changes


def test_a_held_text_leaves_as_it_was_changed_to_at_its_new_time(world: World) -> None:
    ident, other = hold(world), hold(world)
    at_ms = world.clock.now + 3 * MINUTE

    reply = change(world, ident, message="It\u2019s changed — so there", smart_encoding=True, send_at=iso(at_ms),
                   metadata={"tag": "summer"}, ttl_s=60)  # fmt: skip

    # No segment is saved, so nothing is replaced.
    assert (reply.status, "replaced" in reply.fields) == (200, False)
    assert reply.fields == world.status(ident).fields
    assert (reply.fields["status"], reply.fields["text"]) == ("held", "It\u2019s changed — so there")
    assert (reply.fields["send_at"], reply.fields["eta"]) == (iso(at_ms), iso(at_ms))
    assert reply.fields["expires_at"] == iso(at_ms + MINUTE)
    run(world, 12 * MINUTE)
    assert sent(world) == [(ident, "It\u2019s changed — so there"), (other, "Hello")]
    assert 0 <= world.provider.arrivals()[0] - at_ms <= 2_000


def test_a_change_says_what_smart_encoding_replaced(world: World) -> None:
    ident = hold(world)

    reply = change(world, ident, message="\u2019" + "a" * 100, smart_encoding=True)

    assert reply.fields["replaced"] == [{"character": "\u2019", "replacement": "'", "count": 1}]
    assert (stored(world, ident).text, stored(world, ident).segments) == ("'" + "a" * 100, 1)


def test_each_part_is_changed_alone_and_the_history_names_it(world: World) -> None:
    at_ms = world.clock.now + 10 * MINUTE
    changes: list[tuple[str, dict[str, Any]]] = [
        ("message", {"message": "a" * 161}),
        ("send_at", {"send_at": iso(at_ms + MINUTE)}),
        ("expires_at", {"expires_at": iso(at_ms + DAY)}),
        ("expires_at", {"ttl_s": 7}),
        ("metadata", {"metadata": {}}),
    ]
    for name, body in changes:
        ident = hold(world, metadata={"tag": "spring"})
        before = stored(world, ident)

        assert change(world, ident, **body).status == 200, name

        after = stored(world, ident)
        fields = {"message": "text", "send_at": "send_at_ms", "expires_at": "expires_ms"}
        for each in ("message", "send_at", "expires_at", "metadata"):
            attribute = fields.get(each, each)
            assert (getattr(after, attribute) != getattr(before, attribute)) is (each == name), (name, each)
        (entry,) = after.history
        assert (entry.status, entry.source) == ("changed", "api")
        assert entry.note == f"It was changed by request: {name}."
        assert after.fingerprint == before.fingerprint
    assert [entry["status"] for entry in world.status(ident).fields["history"]] == [
        "accepted",
        "waiting",
        "changed",
    ]


def test_a_change_to_now_leaves_at_once_behind_what_was_due_before_it(world: World) -> None:
    for ago_ms in (0, 30_000, 60_000, -1_500):
        world = make_world()
        ident = hold(world, DAY)
        first = world.enqueue().fields["message_id"]

        reply = change(world, ident, send_at=iso(world.clock.now + 1 - ago_ms))
        moved_ms = world.clock.now

        assert (reply.status, reply.fields["position"]) == (200, 2), ago_ms
        world.consume()
        assert [key for key, _ in sent(world)] == [first, ident]
        assert world.provider.arrivals()[1] - moved_ms < 2_000 + 1_500
        assert world.queue.stored == []


def test_a_change_to_now_is_not_lost_where_the_queue_does_not_answer(world: World) -> None:
    ident = hold(world, DAY)
    world.queue.faults.fail("put", unavailable)

    assert change(world, ident, send_at=iso(world.clock.now)).status == 200

    world.queue.faults.clear()
    run(world, 3 * MINUTE)
    assert [key for key, _ in sent(world)] == [ident]


def test_the_timer_of_the_old_time_finds_nothing_and_the_new_one_works(world: World) -> None:
    # Later, sooner, sooner again, and back to where it was.
    for moves in ([5], [1], [2, 1], [5, 2], [1, 2], [9, 1, 2], [5, 2, 5, 2]):
        world = make_world()
        start_ms = world.clock.now
        ident = hold(world, 2 * MINUTE)
        for minutes in moves:
            assert change(world, ident, send_at=iso(start_ms + minutes * MINUTE)).status == 200, moves
        at_ms = start_ms + moves[-1] * MINUTE

        run(world, at_ms - 1 - world.clock.now)
        assert sent(world) == [], moves
        run(world, 2_000)
        assert [key for key, _ in sent(world)] == [ident], moves
        run(world, 10 * MINUTE)
        assert len(sent(world)) == 1
        assert world.queue.stored == []


def test_a_text_in_its_recipient_queue_can_be_moved_away_and_back_at_its_second(world: World) -> None:
    ident = hold(world, MINUTE)
    at_ms = epoch_ms(world.status(ident).fields["send_at"]) or 0
    # Its timer has put it there, and it is not claimed yet.
    world.clock.sleep_until(at_ms - 400)
    assert change(world, ident, send_at=iso(at_ms + 5 * MINUTE)).status == 200
    world.consume(until_ms=world.clock.now + 50)
    assert change(world, ident, send_at=iso(at_ms)).status == 200

    run(world, MINUTE)

    assert [key for key, _ in sent(world)] == [ident]
    assert 0 <= world.provider.arrivals()[0] - at_ms <= 2_000


def test_a_text_that_is_moved_while_the_consumer_has_it_waits_for_its_new_time() -> None:
    # By a moment that its claim would still allow, and by more.
    for more_ms in (1_500, 30_000):
        world, messages = overtaken()
        ident = hold(world, MINUTE)
        new_ms = stored(world, ident).ready_ms + more_ms
        messages.first = partial(change, world, ident, send_at=iso(new_ms), message="moved")

        run(world, 5 * MINUTE)

        assert sent(world) == [(ident, "moved")]
        assert 0 <= world.provider.arrivals()[0] - new_ms <= 2_000
        assert stored(world, ident).status is Status.SUBMITTED


def test_the_tag_moves_and_its_counts_with_it(world: World) -> None:
    ident = hold(world, metadata={"tag": "spring"})
    before = stored(world, ident)
    change(world, ident, metadata={"tag": "summer"})
    deps = publish.PublishDependencies(
        world.event_bus,
        world.counters,
        world.heartbeat,
        world.finder,
        world.messages,
        world.metrics,
        world.logger,
        world.service.explain,
        False,
    )
    changes = [Change("e-1", "1", None, before), Change("e-2", "2", before, stored(world, ident))]

    assert publish.publish(changes, deps, world.clock.now) == 2

    assert len(world.event_bus.heard) == 1
    for tag, count in (("spring", 0), ("summer", 1)):
        counts = world.request("tags", "GET", "/sms/tags/{tag}", parameters={"tag": tag}).fields["counts"]
        assert counts.get("held", 0) == count, tag
        found = world.request("messages", "GET", "/sms/messages", query={"tag": tag}).fields["messages"]
        assert len(found) == count, tag


def test_a_change_that_changes_nothing_writes_nothing(world: World) -> None:
    ident = hold(world, metadata={"tag": "spring"})
    body = {"message": "Another", "send_at": iso(world.clock.now + MINUTE * 5), "metadata": {"tag": "summer"}}
    first = change(world, ident, **body)
    before = stored(world, ident)

    second = change(world, ident, **body)

    assert (first.status, second.status, first.fields) == (200, 200, second.fields)
    assert stored(world, ident) == before


def test_a_history_that_is_full_takes_no_more_changes(world: World) -> None:
    ident = hold(world)
    for number in range(KEPT_ENTRIES + 3):
        assert change(world, ident, message=f"Text {number}").status == 200

    assert len(stored(world, ident).history) == KEPT_ENTRIES
    assert stored(world, ident).text == f"Text {KEPT_ENTRIES + 2}"


def test_a_repeat_of_the_first_request_finds_the_text_as_it_is_now(world: World) -> None:
    at = iso(world.clock.now + 5 * MINUTE)
    first = world.enqueue(key="one", send_at=at).fields["message_id"]
    change(world, first, message="Another", send_at=iso(world.clock.now + 2 * MINUTE))

    for wait_ms in (0, 3 * MINUTE, 5 * 60 * MINUTE):
        run(world, wait_ms)
        again = world.enqueue(key="one", send_at=at)
        assert (again.status, again.fields["message_id"]) == (202, first)
        assert again.fields["status"] == ("submitted" if wait_ms else "held")
    assert sent(world) == [(first, "Another")]
    assert world.enqueue(key="one", message="Another", send_at=at).status == 409


def test_a_text_in_quiet_hours_keeps_them_at_its_new_time() -> None:
    world = make_world(make_settings(quiet_hours=QuietHours.parse("21:00-08:00")))
    # 18:13 in New York.
    at_ms = world.clock.now + 60 * MINUTE
    message = make_message(
        status=Status.HELD, send_at_ms=at_ms, not_before_ms=at_ms, held_by=HeldBy.SCHEDULE,
        quiet_zones="America/New_York",
    )  # fmt: skip
    world.messages.accept(message)
    ident = message.id

    at_ms = epoch_ms("2023-11-15T03:00:00Z") or 0
    reply = change(world, ident, send_at=iso(at_ms))

    after = stored(world, ident)
    assert (after.held_by, iso(after.ready_ms)[11:19]) == (HeldBy.QUIET_HOURS, "13:00:00")
    assert (reply.fields["send_at"], reply.fields["held_by"]) == (iso(at_ms), "quiet_hours")


# ------------------------------------------------------------------------------------------ where it is too late


def test_what_is_not_held_is_too_late_and_stays_as_it_is(world: World) -> None:
    queued = world.enqueue(OTHER).fields["message_id"]
    cancelled = hold(world)
    world.request("queue", "DELETE", "/sms/queue/{id}", parameters={"id": cancelled})
    noted, claimed = hold(world, 3_000), hold(world, 3_000)
    world.clock.pass_ms(3_000)
    world.messages.hold(stored(world, noted), world.clock.now + 9_000, HeldBy.RECIPIENT_RATE)
    assert world.messages.claim(claimed, "mine", world.clock.now).won
    expired = hold(world, 5_000, ttl_s=60)
    world.queue.stored.clear()
    world.clock.pass_ms(66_000)

    for ident, status in (
        (queued, "queued"), (cancelled, "cancelled"), (noted, "queued"), (claimed, "sending"),
        (expired, "expired_unsent"),
    ):  # fmt: skip
        before = stored(world, ident)
        reply = change(world, ident, message="too late", send_at=iso(world.clock.now + DAY))
        assert (reply.status, reply.fields["code"], reply.fields["status"]) == (409, "too_late", status)
        assert (reply.fields["message_id"], stored(world, ident)) == (ident, before)


def test_what_is_not_there_is_not_found(world: World) -> None:
    inbound = make_message(direction="inbound", status=Status.RECEIVED)
    world.messages.receive(inbound)
    gone = hold(world)
    world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})

    for ident in (NO_ONE, inbound.id, gone):
        reply = change(world, ident, message="Hi")
        assert (reply.status, reply.fields["code"]) == (404, "not_found"), ident
    assert change(world, "17", message="Hi").fields["field"] == "id"


def test_others_who_change_it_meanwhile_are_heard_and_a_store_that_fails_is_503() -> None:
    world, messages = overtaken()
    ident = hold(world)
    messages.first = partial(change, world, ident, metadata={"by": "another"})
    assert change(world, ident, message="mine").status == 200
    after = stored(world, ident)
    assert (after.text, after.metadata) == ("mine", {"by": "another"})

    world.messages.faults.fail("change", unavailable)
    assert change(world, ident, message="again").status == 503
    assert stored(world, ident) == after


# ------------------------------------------------------------------------------------------ what is refused

BODIES: list[tuple[str, object, str | None]] = [
    ("nothing", {}, None),
    ("a list", [], None),
    ("a null alone", {"message": None}, "message"),
    ("a null beside another", {"message": "Hi", "expires_at": None}, "expires_at"),
    ("another recipient", {"to": OTHER}, "to"),
    ("an unknown field", {"text": "Hi"}, "text"),
    ("max_segments alone", {"max_segments": 1}, "max_segments"),
    ("smart_encoding with a time", {"smart_encoding": True, "ttl_s": 5}, "smart_encoding"),
    ("an empty text", {"message": ""}, "message"),
    ("a blank text", {"message": " "}, "message"),
    ("a text that is too long for its limit", {"message": "a" * 161, "max_segments": 1}, "max_segments"),
    ("metadata that is a list", {"metadata": []}, "metadata"),
    ("a tag that is none", {"metadata": {"tag": ""}}, "metadata.tag"),
    ("both ends", {"ttl_s": 5, "expires_at": "2030-01-01T00:00:00Z"}, "ttl_s"),
    ("a time without an offset", {"send_at": "2023-11-15T09:30:00"}, "send_at"),
    ("a time that is past", {"send_at": "2023-11-14T00:00:00Z"}, "send_at"),
    ("a time beyond the horizon", {"send_at": "2033-11-14T00:00:00Z"}, "send_at"),
    ("an end that is past", {"expires_at": "2023-11-14T00:00:00Z"}, "expires_at"),
]


def test_a_change_that_can_not_be_is_refused_with_its_field(world: World) -> None:
    ident = hold(world)
    before = stored(world, ident)
    for what, body, field in BODIES:
        reply = world.request("queue", "PATCH", "/sms/queue/{id}", body, parameters={"id": ident})
        assert (reply.status, reply.fields["code"]) == (400, "invalid_request"), what
        assert reply.fields.get("field") == field, what
        assert stored(world, ident) == before, what


def test_moments_are_held_against_what_stays(world: World) -> None:
    at_ms = world.clock.now + 10 * MINUTE
    ident = hold(world, 10 * MINUTE, ttl_s=600)
    ends_ms = stored(world, ident).expires_ms or 0
    for body, limit_ms in (
        ({"send_at": iso(ends_ms)}, ends_ms),
        ({"expires_at": iso(at_ms)}, None),
        ({"send_at": iso(at_ms + DAY), "expires_at": iso(at_ms + DAY)}, at_ms + DAY),
    ):
        reply = change(world, ident, **body)
        assert (reply.status, reply.fields["field"]) == (400, "expires_at"), body
        if limit_ms:
            assert reply.fields["limit"] == iso(limit_ms)
    assert stored(world, ident).expires_ms == ends_ms
    assert change(world, ident, send_at=iso(at_ms + DAY), ttl_s=60).status == 200
    assert stored(world, ident).expires_ms == at_ms + DAY + MINUTE

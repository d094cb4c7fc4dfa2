"""The publisher: what is published and counted of each change of the table, and what has to come again."""

from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from longcode.domain.message import Entry, Fault, Message
from longcode.domain.opt_outs import OptOut, OptOutChange
from longcode.domain.status import Status
from tests.support.fakes import THEIRS, World, make_settings, make_world
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, TELNYX_ID, make_message
from tests.support.fakes.stream import Image, event, failures

IDS = ["5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a1" + str(number) for number in range(4)]


def a_text(ident: str = IDS[0], **changes: Any) -> Message:
    return make_message(id=ident, **({"metadata": {"tag": "parcels", "order": "A-17"}} | changes))


def inbound(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "id": TELNYX_ID,
        "direction": "inbound",
        "status": Status.RECEIVED,
        "sender": THEIRS,
        "recipient": OURS,
        "text": "Is this on?",
        "route": "webhook",
        "metadata": {},
        "telnyx_id": TELNYX_ID,
        "history": (Entry(START_MS - 700, "received", "webhook"),),
        "media": ({"url": "https://example.com/a.jpg"}, {"url": "https://example.com/b.jpg"}),
    }
    return make_message(**(fields | changes))


def opted(out: bool, *changes: OptOutChange) -> OptOut:
    changes = changes or (OptOutChange(START_MS, out, "provider", TELNYX_ID),)
    return OptOut(THEIRS, out, changes, changes[-1].at_ms, len(changes))


def publish_to(world: World, *writes: tuple[Any, Any], first: int = 1) -> list[str]:
    """Hand a batch to the publisher; the sequence numbers it wants again, without what all have in common."""
    answer: Image = world.invoke("publisher", event(*writes, first=first))
    return [number.removeprefix("10000000000000000") for number in failures(answer)]


# ------------------------------------------------------------------------------------- what is published


def test_a_new_text_is_a_change_from_nothing(world: World) -> None:
    assert publish_to(world, (None, a_text())) == []

    (event,) = world.event_bus.heard
    assert (event.kind, event.about, event.at_ms) == ("sms.status_changed", IDS[0], START_MS)
    assert event.detail == {
        "version": 1,
        "sequence": "0" * 19 + str(10**20 + 1),
        "at": "2023-11-14T22:13:20.000Z",
        "message_id": IDS[0],
        "telnyx_id": None,
        "from": OURS,
        "to": THEIRS,
        "carrier": None,
        "line_type": None,
        "previous": None,
        "status": "queued",
        "final": False,
        "priority": "transactional",
        "tag": "parcels",
        "metadata": {"tag": "parcels", "order": "A-17"},
        "send_at": None,
        "expires_at": None,
        "held_by": None,
        "held_until": None,
        "errors": [],
        "attempts": 0,
        "segments": 1,
        "cost": None,
    }


def test_a_final_status_comes_with_what_it_cost_and_why(world: World) -> None:
    sent = a_text(status=Status.SENT, telnyx_id=TELNYX_ID, attempts=1)
    failed = replace(
        sent,
        status=Status.DELIVERY_FAILED,
        updated_ms=START_MS + 4_000,
        parts=2,
        cost=Decimal("0.0102"),
        currency="USD",
        faults=(Fault("40001", "Not routable", f"{THEIRS} is a landline"),),
    )

    publish_to(world, (sent, failed))

    (event,) = world.event_bus.heard
    wanted = {
        "previous": "sent",
        "status": "delivery_failed",
        "final": True,
        "at": "2023-11-14T22:13:24.000Z",
        "telnyx_id": TELNYX_ID,
        "attempts": 1,
        "segments": 2,
        "cost": {"amount": "0.0102", "currency": "USD"},
        # Not the detail, in which the provider quotes what it likes.
        "errors": [{"code": "40001", "title": "Not routable"}],
    }
    assert {name: event.detail[name] for name in wanted} == wanted


def test_an_inbound_text_is_published_at_the_providers_time_and_without_its_words(world: World) -> None:
    publish_to(world, (None, inbound(autoresponse="STOP", opt_out="stop", is_spam=True)))

    (event,) = world.event_bus.heard
    assert event.kind == "sms.received"
    assert event.detail == {
        "version": 1,
        "sequence": "0" * 19 + str(10**20 + 1),
        "at": "2023-11-14T22:13:19.300Z",
        "message_id": TELNYX_ID,
        "telnyx_id": TELNYX_ID,
        "from": THEIRS,
        "to": OURS,
        "segments": 1,
        "media": 2,
        "autoresponse": "STOP",
        "opt_out": "stop",
        "is_spam": True,
    }


def test_a_text_that_may_ask_for_an_end_is_counted_once_and_no_other_is(world: World) -> None:
    unclear, ids = inbound(opt_out="unclear"), IDS[:3]
    others = [inbound(id=ident, opt_out=word) for ident, word in zip(ids, ("stop", "start", None), strict=True)]

    publish_to(world, (None, unclear), (unclear, replace(unclear, is_spam=True)), *((None, one) for one in others))

    assert world.metrics.counts["OptOutUnclear"] == 1
    assert world.metrics.counts["Inbound"] == 4


def test_a_text_that_may_ask_for_an_end_has_an_event_of_its_own_after_that_of_each_inbound_text(
    world: World,
) -> None:
    unclear = inbound(opt_out="unclear")

    publish_to(world, (None, unclear), (unclear, replace(unclear, is_spam=True)), (None, inbound(opt_out="stop")))

    assert [event.kind for event in world.event_bus.heard] == [
        "sms.received",
        "sms.opt_out_unclear",
        "sms.received",
    ]
    event = world.event_bus.heard[1]
    assert (event.about, event.at_ms) == (unclear.id, START_MS - 700)
    assert event.detail == {
        "version": 1,
        "sequence": world.event_bus.heard[0].detail["sequence"],
        "at": "2023-11-14T22:13:19.300Z",
        "message_id": unclear.id,
        "telnyx_id": TELNYX_ID,
        "from": THEIRS,
        "to": OURS,
    }


def test_where_the_second_event_of_a_change_is_refused_the_change_comes_again(world: World) -> None:
    # The first text has one event, and the second two.
    for skip in (1, 2):
        world.event_bus.heard.clear()
        world.event_bus.faults.fail("publish", skip=skip)
        again = publish_to(world, (None, inbound()), (None, inbound(opt_out="unclear")), (None, inbound()))
        assert again == ["0002"]
        assert len(world.event_bus.heard) == skip


def test_no_event_has_the_text(world: World) -> None:
    queued = a_text(text="secret words")
    publish_to(
        world, (None, queued), (queued, replace(queued, status=Status.SENDING)), (None, inbound(text="secret"))
    )

    assert len(world.event_bus.heard) == 3
    assert "secret" not in repr(world.event_bus.heard)


def test_both_directions_of_an_opt_out_are_published(world: World) -> None:
    stop = OptOutChange(START_MS, True, "provider", TELNYX_ID)
    start = OptOutChange(START_MS + 5, False, "api", "key-1")

    publish_to(world, (None, opted(True, stop)), (opted(True, stop), opted(False, stop, start)))

    assert [(event.kind, event.about, event.detail) for event in world.event_bus.heard] == [
        (
            "sms.opted_out",
            THEIRS,
            {
                "version": 1,
                "sequence": "0" * 19 + str(10**20 + number),
                "at": f"2023-11-14T22:13:20.00{5 * (number - 1)}Z",
                "number": THEIRS,
                "opted_out": number == 1,
                "source": source,
                "scope": "all",
            },
        )
        for number, source in ((1, "provider"), (2, "api"))
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (a_text(), replace(a_text(), slot_ms=START_MS + 9)),
        (a_text(status=Status.SENT), a_text(status=Status.SENT, text=None)),
        (inbound(), inbound(is_spam=True)),
        (inbound(), inbound(text=None)),
        (a_text(status=Status.DELIVERED), None),
        (inbound(), None),
        (opted(True), replace(opted(True), said_ms=START_MS + 9, revision=2)),
        (None, opted(False)),
        (opted(True), None),
        (None, {"pk": {"S": "M#a-remnant"}}),
        (None, {"pk": {"S": f"T#{TELNYX_ID}"}, "message_id": {"S": IDS[0]}}),
        ({"pk": {"S": "S#all"}, "queued": {"N": "1"}}, {"pk": {"S": "S#all"}, "queued": {"N": "2"}}),
        (None, {"pk": {"S": "B#e-1"}, "events": {"L": [{"S": "e-1"}]}}),
        ({"pk": {"S": "B#e-1"}, "events": {"L": [{"S": "e-1"}]}}, None),
    ],
    ids=[
        *("a-slot", "a-text-removed", "spam", "an-inbound-text-removed", "gone", "an-inbound-text-gone"),
        *("stop-again", "start-without-stop", "an-opt-out-gone", "a-remnant", "a-pointer", "counters"),
        *("a-marker", "a-marker-gone"),
    ],
)
def test_what_is_no_change_of_status_is_no_event(world: World, before: Any, after: Any) -> None:
    assert publish_to(world, (before, after)) == []

    assert world.event_bus.heard == []


def test_with_final_events_alone_the_rest_is_counted_and_not_published() -> None:
    world = make_world(make_settings(status_events="final"))
    stop = opted(True)
    writes = [(None, inbound()), (None, stop)]
    for number, status in enumerate(Status):
        writes.append((None, a_text(f"5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd9a{number:02}", status=status)))

    assert publish_to(world, *writes) == []

    published = {event.detail["status"] for event in world.event_bus.heard if event.kind == "sms.status_changed"}
    assert published == {status.value for status in Status if status.final}
    assert {event.kind for event in world.event_bus.heard} >= {"sms.received", "sms.opted_out"}
    assert world.counters.read("parcels") == dict.fromkeys(map(str, Status), 1)


def test_a_text_tried_again_under_its_key_is_published_again(world: World) -> None:
    publish_to(world, (a_text(status=Status.FAILED, safe_to_retry=True), a_text()))

    assert [(event.detail["previous"], event.detail["status"]) for event in world.event_bus.heard] == [
        ("failed", "queued")
    ]


# ---------------------------------------------------------------------------------- what is counted


def test_a_life_is_counted_where_it_stands_and_not_where_it_was(world: World) -> None:
    life = [None, *(a_text(status=status) for status in (Status.QUEUED, Status.SENDING, Status.SENT))]
    for number, (before, after) in enumerate(pairwise(life), 1):
        publish_to(world, (before, after), first=number)
    publish_to(world, (None, inbound()), (None, a_text(IDS[1], metadata={"tag": "news"})), first=10)

    assert world.counters.read(None) == {"sent": 1, "received": 1, "queued": 1}
    assert world.counters.read("parcels") == {"sent": 1}
    assert world.counters.read("news") == {"queued": 1}
    assert world.counters.read("unused") == {}


def test_a_text_that_is_erased_or_past_its_time_counts_no_more(world: World) -> None:
    publish_to(world, (None, a_text()), (None, inbound()))
    publish_to(world, (a_text(), None), (inbound(), None), first=3)

    assert world.counters.read(None) == {}
    assert world.counters.read("parcels") == {}


def test_health_says_how_many_there_are_and_where_they_stand(world: World) -> None:
    publish_to(world, (None, a_text()), (None, a_text(IDS[1])), (None, inbound()))

    answer = world.health()

    assert answer.status == 200
    assert answer.fields["tracked_messages"] == 3
    assert answer.fields["by_status"] == {"queued": 2, "received": 1}


# ------------------------------------------------------------------------------- what comes again


def test_a_batch_that_comes_again_is_published_again_and_counted_once(world: World) -> None:
    for _ in range(3):
        assert publish_to(world, (None, a_text()), (None, a_text(IDS[1]))) == []

    assert world.counters.read(None) == {"queued": 2}
    assert [event.about for event in world.event_bus.heard] == IDS[:2] * 3


def test_from_the_first_refused_on_all_comes_again_and_nothing_of_it_was_counted(world: World) -> None:
    world.event_bus.refuse = {IDS[1]}
    writes = [(None, a_text(ident)) for ident in IDS]

    assert publish_to(world, *writes) == ["0002"]

    assert world.counters.read(None) == {"queued": 1}
    assert [event.about for event in world.event_bus.heard] == IDS[:1]
    world.event_bus.refuse.clear()
    assert publish_to(world, *writes[1:], first=2) == []
    assert world.counters.read(None) == {"queued": 4}
    assert [event.about for event in world.event_bus.heard] == IDS


def test_the_events_of_one_text_stay_in_order_through_refusals(world: World) -> None:
    lives = [(None, a_text()), (a_text(), a_text(status=Status.SENDING))]
    lives.append((a_text(status=Status.SENDING), a_text(status=Status.SUBMITTED)))
    world.event_bus.faults.fail("publish", skip=1)

    assert publish_to(world, *lives) == ["0002"]
    assert publish_to(world, *lives[1:], first=2) == []

    assert [event.detail["status"] for event in world.event_bus.about(IDS[0])] == [
        "queued",
        "sending",
        "submitted",
    ]


def test_counters_that_do_not_answer_bring_the_whole_batch_back(world: World) -> None:
    world.counters.faults.fail("add")
    writes = [(None, a_text()), (None, a_text(IDS[1]))]

    assert publish_to(world, *writes) == ["0001"]
    assert world.counters.read(None) == {}
    assert publish_to(world, *writes) == []

    assert world.counters.read(None) == {"queued": 2}
    assert [line.level for line in world.logger.of("publish.uncounted")] == ["warning"]


def test_counters_whose_answer_was_lost_have_counted_once(world: World) -> None:
    world.counters.faults.fail("add", after=True)

    assert publish_to(world, (None, a_text())) == ["0001"]
    assert publish_to(world, (None, a_text())) == []

    assert world.counters.read(None) == {"queued": 1}


def test_a_refusal_is_logged_without_anybodys_number(world: World) -> None:
    world.event_bus.refuse = {IDS[0]}

    publish_to(world, (None, a_text()))

    (line,) = world.logger.of("publish.refused")
    assert line.fields == {"fault": "ThrottlingException", "left": 1}
    assert world.metrics.counts["EventsRefused"] == 1


def test_an_item_that_this_version_cannot_read_stops_no_other(world: World) -> None:
    strange = event((None, a_text()), (None, a_text(IDS[1])))
    strange["Records"][0]["dynamodb"]["NewImage"]["status"] = {"S": "teleported"}

    assert failures(world.invoke("publisher", strange)) == []

    assert [event.about for event in world.event_bus.heard] == [IDS[1]]
    assert world.metrics.counts["StreamUnreadable"] == 1
    (line,) = world.logger.of("stream.unreadable")
    assert THEIRS not in repr(line.fields)
    world.logger.lines.clear()  # it is the one trace that is expected here


def beat(at_ms: int) -> Image:
    return {"pk": {"S": "H#publisher"}, "at_ms": {"N": str(at_ms)}, "since_ms": {"N": "1"}}


def test_a_beat_is_heard_when_all_before_it_is_done(world: World) -> None:
    assert publish_to(world, (None, beat(5)), (None, a_text()), (beat(5), beat(6))) == []

    assert world.heartbeat.heard_ms() == 6
    assert [event.about for event in world.event_bus.heard] == IDS[:1]
    assert world.counters.read(None) == {"queued": 1}


def test_a_beat_behind_what_the_bus_refuses_is_not_heard(world: World) -> None:
    world.event_bus.refuse = {IDS[0]}

    assert publish_to(world, (None, beat(5)), (None, a_text()), (beat(5), beat(6))) == ["0002"]

    assert world.heartbeat.heard_ms() == 5


def test_nor_is_one_of_a_batch_that_could_not_be_counted(world: World) -> None:
    world.counters.faults.fail("add")

    assert publish_to(world, (None, a_text()), (None, beat(5))) == ["0001"]

    assert world.heartbeat.heard_ms() is None
    assert world.metrics.counts["StoreUnavailable"] == 1


def test_a_beat_that_could_not_be_noted_brings_nothing_back(world: World) -> None:
    world.heartbeat.faults.fail("hear")

    assert publish_to(world, (None, a_text()), (None, beat(5))) == []

    assert world.heartbeat.heard_ms() is None
    assert [line.level for line in world.logger.of("store.unavailable")] == ["error"]


def test_a_batch_of_nothing_is_done(world: World) -> None:
    assert world.invoke("publisher", {}) == {"batchItemFailures": []}
    assert world.counters.faults.calls == ["add"]

"""`longcode queue`: how much waits, who, and for what."""

import re
import time

import pytest

from longcode.domain.braking import Brake
from longcode.domain.message import iso
from longcode.domain.status import HeldBy
from tests.longcode_cli.world import NOW_MS, OTHERS, OURS, THEIRS, World, ident
from tests.support.places import got

pytestmark = pytest.mark.disable_socket

FAR_MS = 4_000_000_000_000


def test_an_empty_queue_says_so(world: World) -> None:
    printed = world.says("queue")
    assert "sending is open" in printed
    assert "oldest waits none waits" in printed
    assert world.json("queue") == {
        "ready": 0,
        "in_flight": 0,
        "queues": {
            "transactional": {"ready": 0, "in_flight": 0},
            "bulk": {"ready": 0, "in_flight": 0},
        },
        "dead_letters": 0,
        "oldest_waits_s": None,
        "paused": None,
        "breaker": None,
        "brake": None,
        "pauses": {},
        "carriers": [],
        "suspects": [],
        "texts": 0,
        "recipients": 0,
        "waiting": [],
        "held": 0,
        "held_until": None,
        "complete": True,
    }


def test_each_recipient_is_a_row_the_longest_waiting_first(world: World) -> None:
    world.accept(ident(1), OTHERS, NOW_MS + 5_000)
    world.accept(ident(2), THEIRS, NOW_MS + 1_000)
    world.accept(ident(3), THEIRS, NOW_MS)
    world.stack.messages.hold(got(world.stack.messages, ident(3)), FAR_MS, HeldBy.RECIPIENT_RATE)
    # One that was claimed waits no more.
    world.submit(ident(4), "telnyx-4", to=OTHERS)
    found = world.json("queue", "--full")
    assert [(row["to"], row["texts"], row["held_by"]) for row in found["waiting"]] == [
        (THEIRS, 2, "recipient_rate"),
        (OTHERS, 1, None),
    ]
    assert found["waiting"][0]["eta"] == "2096-10-02T07:06:40.000Z"
    assert found["waiting"][0]["oldest_at"] == "2026-11-18T11:06:40.000Z"
    assert (found["texts"], found["recipients"], found["complete"]) == (3, 2, True)
    table = world.says("queue")
    assert "+1…23 transactional 2" in table
    assert table.index("+1…23") < table.index("+1…24")
    assert THEIRS not in table


def test_it_says_where_it_stopped(world: World) -> None:
    for number in range(5):
        world.accept(ident(number), f"+1202555011{number}", NOW_MS + number)
    assert "… and 3 more recipients (--rows)." in world.says("queue", "--rows", "2")
    printed = world.says("queue", "--limit", "4")
    assert "Stopped after 4 texts: more wait than that (--limit)." in printed
    assert ", of those read" in printed
    assert world.json("queue", "--limit", "4")["complete"] is False
    assert world.json("queue", "--limit", "5")["complete"] is True


def test_every_reason_why_nothing_leaves_is_reported(world: World) -> None:
    world.accept(ident(1))
    world.stack.limits.pause(NOW_MS, "wrong template")
    world.stack.limits.open_breaker(NOW_MS, FAR_MS, "20100 Insufficient Funds")
    world.stack.limits.set_brake(OURS, None, Brake(FAR_MS, 500, 500, 0))
    printed = world.says("queue")
    for words in (
        "Sending is paused",
        "wrong template",
        "20100 Insufficient Funds",
        "The provider asked for less",
    ):
        assert words in printed
    assert "after resume paused" in printed
    found = world.json("queue")
    assert found["paused"] == {"since": "2026-11-18T11:06:40.000Z", "reason": "wrong template"}
    assert found["breaker"]["until"] == found["brake"]["since"] == "2096-10-02T07:06:40.000Z"
    assert found["waiting"][0]["eta"] is None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def test_a_brake_says_since_when_and_how_many_leave_in_a_second(world: World) -> None:
    now = _now_ms()
    world.stack.limits.set_brake(OURS, None, Brake(now, 2_000, 2_000, 0))
    printed = world.says("queue")
    assert re.search(r"The provider asked for less at \d\d:\d\d:\d\d UTC \([\d.]+ s ago\)", printed)
    assert "2 texts a second leave now, and more from second to second until it asks again." in printed
    found = world.json("queue")["brake"]
    assert found == {"since": iso(now), "texts_per_second": 2.0}


def test_a_brake_that_lets_nothing_through_yet_says_until_when(world: World) -> None:
    world.stack.limits.set_brake(OURS, None, Brake(_now_ms() + 60_000, 500, 500, 0))
    printed = world.says("queue")
    assert re.search(r"The provider asked for less: nothing leaves until .+ \(in [\d.]+ s\), then 1 text", printed)
    assert "then 1 text in 2 s." in printed


def test_a_brake_that_is_over_is_none(world: World) -> None:
    world.stack.limits.set_brake(OURS, None, Brake(NOW_MS - 10**9, 2_000, 2_000, 0))
    assert "sending is open" in world.says("queue")
    assert world.json("queue")["brake"] is None


def test_an_outage_of_the_provider_is_called_one(world: World) -> None:
    world.stack.limits.open_breaker(NOW_MS, FAR_MS, "http_502 The provider answered 502.")
    printed = world.says("queue")
    assert re.search(
        r"The breaker is open since [^:]+:\d\d:\d\d UTC \([^)]+\), for an outage of the provider: http_502",
        printed,
    )
    assert world.json("queue")["breaker"]["stopped_by"] == "outage"


def test_what_is_suspected_is_reported_before_it_stops_anything(world: World) -> None:
    world.stack.limits.suspect("outage", THEIRS, NOW_MS)
    world.stack.limits.suspect("outage", OTHERS, NOW_MS)
    world.stack.limits.suspect("40305", THEIRS, NOW_MS)
    printed = world.says("queue")
    assert "Texts to 2 recipients in a row met an outage of the provider (+1…23, +1…24)" in printed
    assert "Texts to 1 recipient in a row met 40305 (+1…23)" in printed
    assert "with 3 the breaker opens." in printed
    assert THEIRS not in printed
    assert [(row["kind"], row["to"]) for row in world.json("queue", "--full")["suspects"]] == [
        ("40305", THEIRS),
        ("outage", THEIRS),
        ("outage", OTHERS),
    ]


def test_the_queues_depth_and_its_dead_letters_are_counted(world: World) -> None:
    for number in (1, 2):
        world.stack.sqs.send_message(
            QueueUrl=world.stack.queue_url,
            MessageBody="{}",
            MessageGroupId=f"+1202555011{number}",
            MessageDeduplicationId=str(number),
        )
    world.stack.sqs.receive_message(QueueUrl=world.stack.queue_url, MaxNumberOfMessages=1)
    world.die(ident(1))
    found = world.json("queue")
    assert (found["ready"], found["in_flight"], found["dead_letters"]) == (1, 1, 1)
    assert "1; fix the consumer, then longcode redrive puts them back" in world.says("queue")

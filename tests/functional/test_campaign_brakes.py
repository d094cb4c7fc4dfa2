"""A campaign that goes wrong stops itself within 50 texts, all others go on, and one word lets it go again."""

import itertools
from dataclasses import replace
from typing import Any

import pytest

from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.destinations import country
from longcode.domain.message import Fault
from longcode.domain.metrics import Metric
from longcode.domain.priority import Priority
from longcode.domain.status import Status
from longcode.domain.tag_brake import BrakeSetting, Subject, SubjectKind, Tally
from longcode.use_cases import tag_brakes
from tests.chance import FULL, showing
from tests.support.fakes import OURS, World, make_settings, make_world
from tests.support.fakes.provider import ACCEPTS_AND_HANGS, HANGS, Text, refuses
from tests.support.fakes.webhooks import envelope, receipt

pytestmark = pytest.mark.slow

MINUTE, HOUR = 60_000, 3_600_000
SALE, NEWS = Subject(SubjectKind.TAG, "sale"), Subject(SubjectKind.TAG, "news")
ATT = Subject(SubjectKind.CARRIER, "att")
SPAM = refuses(400, "40002", "Blocked as spam")
NO_PHONE = refuses(400, "40310", "Invalid 'to' address")
# So many texts a second as AT&T takes of one campaign in a minute are few; the carriers together take about 75.
A_SECOND_MS = 13
AREAS = [area for area in range(202, 990) if country(f"+1{area}5550101") == "+1"]


def people(count: int, first: int = 0) -> list[str]:
    """So many numbers of examples."""
    found = (f"+1{area}55501{last:02}" for area in AREAS for last in range(1, 100))
    return list(itertools.islice(found, first, first + count))


def make(**settings: Any) -> World:
    return make_world(make_settings(sender_segment_ms=A_SECOND_MS, **settings))


def queue(world: World, numbers: list[str], tag: str | None = "sale", **fields: Any) -> list[str]:
    """Queue one text for each."""
    fields = {"priority": "bulk", **({"metadata": {"tag": tag}} if tag else {}), **fields}
    replies = [world.enqueue(number, f"Hello {number}", **fields) for number in numbers]
    assert {reply.status for reply in replies} == {202}
    return [str(reply.fields["message_id"]) for reply in replies]


def run(world: World, for_ms: int = MINUTE) -> None:
    """Let the consumer work on the bulk queue for a while, and time pass."""
    until_ms = world.clock.now + for_ms
    world.consume(Priority.BULK, until_ms=until_ms, concurrency=20)
    world.clock.pass_ms(max(0, until_ms - world.clock.now))


def statuses(world: World, idents: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for ident in idents:
        message = world.messages.get(ident)
        assert message
        found[message.status.value] = found.get(message.status.value, 0) + 1
    return found


def paused(world: World, subject: Subject = SALE) -> str | None:
    """Why a subject is paused."""
    standing = world.brakes.standings([subject], world.clock.now).get(subject)
    return standing.pause.reason if standing and standing.pause else None


def reports(world: World, code: str, after: int, delay_ms: int) -> None:
    """The provider takes all, and says of those after so many that a filter stopped them, that much later."""

    def taken(text: Text) -> None:
        good = len(world.provider.texts) <= after
        faults = () if good else (Fault(code, "Blocked"),)
        word = "delivered" if good else "delivery_failed"

        def say() -> None:
            body = receipt(text, word, world.clock.now_ms(), faults=faults)
            assert world.webhook(body, path_id=text.key).status == 200

        world.clock.at(world.clock.now_ms() + delay_ms, say)

    world.provider.on_taken = taken


def test_a_campaign_that_is_filtered_from_the_200th_text_on_pauses_within_50_and_others_go_on() -> None:
    world, count = make(), 2_000 if FULL else 500
    reports(world, "40002", 200, 500)
    sale = queue(world, people(count))

    run(world)

    # Of 223 texts 23 are a tenth, and 500 ms later that is known: some forty have left meanwhile.
    left = len(world.provider.texts)
    assert 223 <= left <= 223 + 500 // A_SECOND_MS + 50
    assert statuses(world, sale).get("queued", 0) == count - left
    assert "a filter stopped" in str(paused(world))
    assert world.metrics.counts[Metric.CAMPAIGN_PAUSED] == 1
    ((subject, pause, tally),) = world.brakes.announced
    assert (subject, pause.by if pause else "") == (SALE, "brake")
    assert 200 <= tally.sent <= left
    # Another campaign to other people, and a code to one of those who wait, are none of its concern.
    world.provider.on_taken = lambda _text: None
    news, waiting = queue(world, people(60, 3_000), "news"), sale[-1]
    code = world.enqueue(people(count)[-1], "Your code is 123456").fields["message_id"]
    run(world)
    world.consume()
    assert statuses(world, [*news, str(code)]) == {"submitted": 61}
    assert world.status(waiting).fields["held_by"] == "tag_paused"

    tag_brakes.resume(SALE, world.brakes, world.clock.now)
    run(world, 5 * MINUTE)

    assert statuses(world, sale).get("queued", 0) == 0
    assert len(world.provider.texts) == count + 61
    assert len({text.key for text in world.provider.texts}) == count + 61


def test_a_campaign_whose_texts_are_refused_at_once_pauses_and_no_text_is_lost() -> None:
    for behaviour, words in ((SPAM, "a filter stopped"), (NO_PHONE, "failed")):
        world = make()
        world.provider.then(*[replace(behaviour, takes=False)] * 400)
        sale = queue(world, people(300))

        run(world)

        with showing(words):
            assert words in str(paused(world))
            # All of the first fifty have failed; what was claimed by then still leaves.
            refused = len(world.provider.requests)
            assert 50 <= refused <= 100
            assert statuses(world, sale) == {"failed": refused, "queued": 300 - refused}


def test_a_receipt_that_comes_before_the_answer_counts_as_any_other() -> None:
    for delay_ms in (1, 100):
        world = make()
        reports(world, "40002", 20, delay_ms)
        sale = queue(world, people(120))

        run(world)

        with showing(delay_ms):
            assert "a filter stopped" in str(paused(world))
            assert 50 <= len(world.provider.texts) <= 70
            assert statuses(world, sale)["delivered"] == 20


def test_a_carrier_pauses_for_all_tags_and_the_texts_to_others_go_on() -> None:
    world = make()
    theirs, others = people(150), people(60, 1_000)
    for numbers, carrier in ((theirs, Carrier.ATT), (others, Carrier.VERIZON)):
        for number in numbers:
            world.carriers.known[number] = Subscription(carrier, "wireless", world.clock.now)
    for number in theirs:
        world.provider.then(SPAM, to=number)
    # Each tag has too few texts to pause by itself.
    parts = [theirs[first : first + 40] for first in range(0, 160, 40)]
    texts = [ident for number, part in enumerate(parts) for ident in queue(world, part, f"tag {number}")]
    fine = queue(world, others, "another")

    run(world)

    assert "a filter stopped" in str(paused(world, ATT))
    assert statuses(world, fine) == {"submitted": 60}
    failed = statuses(world, texts)["failed"]
    assert 50 <= failed <= 100
    waiting = next(ident for ident in texts if world.messages.get(ident).status is Status.QUEUED)  # type: ignore[union-attr]
    found = world.status(waiting).fields
    assert (found["held_by"], found["eta"]) == ("carrier_paused", None)
    assert "bulk to its carrier is paused: a filter stopped" in found["history"][-1]["note"]
    # What is transactional goes to them all the same.
    code = str(world.enqueue(theirs[-1], "Your code is 123456").fields["message_id"])
    world.provider.then(replace(SPAM, takes=True, status=200), to=code)
    world.consume()
    assert statuses(world, [code]) == {"submitted": 1}


def test_one_bad_campaign_does_not_stop_the_others_to_its_carrier() -> None:
    world = make()
    numbers = people(200)
    for number in numbers:
        world.carriers.known[number] = Subscription(Carrier.ATT, "wireless", world.clock.now)
    for number in numbers[:100]:
        world.provider.then(SPAM, to=number)
    queue(world, numbers[:100])
    run(world)
    assert paused(world)

    news = queue(world, numbers[100:], "news")
    run(world)

    assert paused(world, ATT) is None
    assert statuses(world, news) == {"submitted": 100}


def test_what_waits_for_a_pause_is_written_to_no_more_and_expires_in_its_time() -> None:
    world = make(validity_minutes=60)
    sale = queue(world, people(30))
    tag_brakes.pause(SALE, "wrong link", world.brakes, world.clock.now)
    before = [world.messages.get(ident) for ident in sale]

    mapping = world.consume(Priority.BULK, until_ms=world.clock.now + 50 * MINUTE, concurrency=5)

    assert [world.messages.get(ident) for ident in sale] == before
    assert world.provider.requests == []
    # 5 s apart in the first 25 minutes, then 30.
    looks = len(mapping.invocations)
    assert 25 * 12 <= looks <= 30 * (25 * 12 + 25 * 2) * 2
    reply = world.status(sale[0]).fields
    assert (reply["held_by"], reply["eta"]) == ("tag_paused", None)
    assert "its tag is paused: wrong link" in reply["history"][-1]["note"]
    assert world.enqueue(people(1)[0], priority="bulk", metadata={"tag": "sale"}).fields["held_by"] == "tag_paused"
    run(world, HOUR)
    assert statuses(world, sale) == {"expired_unsent": 30}


def test_a_pause_is_seen_after_the_claim_as_well_and_the_text_keeps_its_place() -> None:
    world = make()
    (ident,) = queue(world, people(1))

    def takes() -> None:
        # After the look at the batch and the claim.
        if statuses(world, [ident]) == {"sending": 1}:
            tag_brakes.pause(SALE, "", world.brakes, world.clock.now)

    world.limits.faults.takes = takes

    run(world, 20_000)

    assert world.provider.requests == []
    assert statuses(world, [ident]) == {"queued": 1}
    world.limits.faults.takes = lambda: None
    tag_brakes.resume(SALE, world.brakes, world.clock.now)
    run(world)
    assert statuses(world, [ident]) == {"submitted": 1}


def test_only_bulk_texts_of_the_queue_count_each_once_and_only_bad_ones_cost_a_write_of_their_own() -> None:
    world = make()
    number = people(1)[0]
    queue(world, people(25))
    queue(world, people(5, 100), None)
    queue(world, people(5, 200), "sale", priority="transactional")
    world.send(number, priority="bulk", metadata={"tag": "sale"})
    # One that is asked for again counts when it is taken.
    again = people(1, 300)
    world.provider.then(refuses(503, "10037", "Overloaded"), HANGS, to=again[0])
    queue(world, again)
    run(world)
    world.consume()

    sent = [tally for subject, tally in world.brakes.added if subject == SALE]
    assert sum(tally.sent for tally in sent) == 26
    assert world.brakes.standings([SALE], world.clock.now)[SALE].tally == Tally(26)
    # Of ten that leave together one write.
    assert len(sent) <= 6
    assert {subject for subject, _ in world.brakes.added} == {SALE}


def test_a_receipt_that_comes_twice_counts_once_and_one_that_moves_nothing_not_at_all() -> None:
    world = make()
    queue(world, people(3))
    run(world)
    texts = world.provider.texts
    spam = (Fault("40002", "Blocked"),)
    bodies = [
        receipt(texts[0], "delivery_failed", world.clock.now, event_id="one", faults=spam),
        receipt(texts[0], "delivery_failed", world.clock.now, event_id="one", faults=spam),
        receipt(texts[0], "delivery_failed", world.clock.now, event_id="two", faults=spam),
        receipt(texts[1], "delivered", world.clock.now, event_id="three"),
        receipt(texts[1], "delivery_failed", world.clock.now, event_id="four", faults=spam),
        receipt(texts[2], "delivery_unconfirmed", world.clock.now, event_id="five"),
        receipt(texts[2], "delivery_failed", world.clock.now, event_id="six"),
    ]

    for body in bodies:
        assert world.webhook(body).status == 200

    assert world.brakes.standings([SALE], world.clock.now)[SALE].tally == Tally(3, 2, 1, 0)


def test_a_text_in_doubt_counts_once_whatever_settles_it() -> None:
    for first, later in ((ACCEPTS_AND_HANGS, None), (HANGS, None), (HANGS, NO_PHONE)):
        world = make()
        (number,) = people(1)
        world.provider.then(*(one for one in (first, later) if one), to=number)
        queue(world, [number])
        run(world)
        for _ in range(20):
            world.clock.pass_ms(MINUTE)
            world.reconcile()
        world.service.brakes.flush()

        with showing((first, later)):
            tally = world.brakes.standings([SALE], world.clock.now)[SALE].tally
            assert tally == Tally(1, int(later is not None))


def stop(world: World, number: str, at_ms: int, ident: str) -> None:
    """A STOP comes in from a number."""
    payload = {
        "direction": "inbound",
        "from": {"phone_number": number},
        "id": ident,
        "to": [{"phone_number": OURS}],
        "text": "STOP",
        "type": "SMS",
        "received_at": None,
    }
    assert world.webhook(envelope("message.received", payload, at_ms, event_id=ident)).status == 200


def test_who_opts_out_counts_for_the_tag_of_the_last_text_to_them_and_once() -> None:
    world = make()
    numbers = people(80)
    queue(world, numbers)
    run(world)
    queue(world, numbers[:2], "news")
    run(world)

    # Two of 80 are more than 2 %; but those two had another text since.
    for number in (*numbers[:2], numbers[2], numbers[2]):
        stop(world, number, world.clock.now, f"5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd{numbers.index(number):04}")

    tallies = world.brakes.standings([SALE, NEWS], world.clock.now)
    assert (tallies[SALE].tally.opted_out, tallies[NEWS].tally.opted_out) == (1, 2)
    assert paused(world) is None
    world.clock.pass_ms(10 * MINUTE)
    stop(world, numbers[3], world.clock.now, "5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd9999")
    assert "2 people opted out after the last 80 texts" in str(paused(world))


def test_an_opt_out_long_after_the_last_text_is_no_answer_to_it() -> None:
    world = make()
    queue(world, people(60))
    run(world)
    world.clock.pass_ms(73 * HOUR)

    for place, number in enumerate(people(5)):
        stop(world, number, world.clock.now, f"5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd{place:04}")

    assert [tally for _, tally in world.brakes.added if tally.opted_out] == []


def test_after_a_resumption_the_counts_begin_anew() -> None:
    world = make()
    world.provider.then(*[SPAM] * 60)
    sale = queue(world, people(200))
    run(world, 10_000)
    assert paused(world)

    tag_brakes.resume(SALE, world.brakes, world.clock.now)
    run(world)

    # What is left of the sixty has failed, and is below a tenth by the fiftieth text.
    assert paused(world) is None
    assert statuses(world, sale) == {"failed": 60, "submitted": 140}
    assert [pause is not None for _, pause, _ in world.brakes.announced] == [True, False]


def test_a_brake_that_is_off_counts_nothing_and_a_pause_by_hand_holds_all_the_same() -> None:
    world = make(tag_brake=None)
    world.provider.then(*[SPAM] * 100)
    sale = queue(world, people(120))
    run(world)
    stop(world, people(101)[-1], world.clock.now, "5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd0001")
    assert statuses(world, sale) == {"failed": 100, "submitted": 20}
    assert world.brakes.added == []

    tag_brakes.pause(SALE, "by hand", world.brakes, world.clock.now)
    more = queue(world, people(10))
    run(world)

    assert statuses(world, more) == {"queued": 10}
    refused = world.send(people(1, 90)[0], priority="bulk", metadata={"tag": "sale"})
    assert (refused.status, refused.fields["code"]) == (503, "tag_paused")


# ------------------------------------------------------------------------------------------ when it fails


@pytest.mark.parametrize("call", ["add", "pause", "announce"])
def test_a_count_that_is_lost_stops_no_text_and_the_next_one_counts(call: str) -> None:
    world = make()
    world.provider.then(*[SPAM] * 400)
    world.brakes.faults.fail(call, times=7)
    sale = queue(world, people(300))

    run(world)

    assert paused(world)
    refused = len(world.provider.requests)
    assert 50 <= refused <= 110
    assert statuses(world, sale) == {"failed": refused, "queued": 300 - refused}
    assert world.metrics.counts["StoreUnavailable"] >= (1 if call == "announce" else 7)


def test_a_count_that_is_lost_holds_up_neither_the_next_text_nor_a_webhook() -> None:
    world = make()
    (number,) = people(1)
    world.provider.then(SPAM)
    first, second = queue(world, [number]) + queue(world, [number])
    began_ms = world.clock.now
    world.brakes.faults.fail("add", times=99)

    world.consume(Priority.BULK, until_ms=began_ms + 3_000)

    assert statuses(world, [first]) == {"failed": 1}
    assert world.provider.arrivals(number)[0] <= began_ms + 2_000
    body = receipt(world.provider.text(second), "delivery_failed", world.clock.now, faults=(Fault("40002", "x"),))
    assert world.webhook(body).status == 200
    assert statuses(world, [second]) == {"delivery_failed": 1}


def test_a_table_that_does_not_answer_before_a_send_puts_the_batch_off() -> None:
    world = make()
    sale = queue(world, people(3))
    world.brakes.faults.fail("standings", times=1)

    world.consume(Priority.BULK, until_ms=world.clock.now + 1_000)

    assert world.provider.requests == []
    run(world)
    assert statuses(world, sale) == {"submitted": 3}


def test_the_setting_says_when() -> None:
    setting = BrakeSetting.parse("50:20,10,2")
    for tally, words in (
        (Tally(49, 49, 49, 49), None),
        (Tally(50, 9, 4, 0), None),
        (Tally(50, 10), "10 of the last 50 texts failed (limit 20 %)"),
        (Tally(50, 5, 5), "a filter stopped 5 of the last 50 texts (limit 10 %)"),
        (Tally(50, 0, 0, 1), "1 people opted out after the last 50 texts (limit 2 %)"),
        (Tally(51, 0, 0, 1), None),
    ):
        assert setting.verdict(tally) == words, tally
    assert BrakeSetting.parse("1:0,0,0.5").verdict(Tally(10, 10, 10, 0)) is None
    for wrong in (
        "",
        "50",
        "0:1,1,1",
        "50:20,10",
        "50:100,10,2",
        "50:20,10,2,1",
        "50:a,10,2",
        "50:20;10;2",
        "5:1.234,1,1",
    ):
        with pytest.raises(ValueError, match="must be as 50:20,10,2"):
            BrakeSetting.parse(wrong)

"""POST /sms/batch: each item as POST /sms/queue would have it, in order, and once whatever is repeated."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from longcode.domain import destinations
from longcode.domain.message import iso
from longcode.domain.priority import Priority
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.status import HeldBy, Status
from tests.functional.batch_steps import ask, deliver, event, expected, items, number
from tests.functional.conftest import nothing_happened
from tests.functional.test_quota import BRITISH
from tests.support.fakes import THEIRS, Reply, World, make_settings, make_world
from tests.support.fakes.gateway import API_KEY_ID

HOUR = 3_600_000


def rows(reply: Reply) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reply.fields["messages"]
    return found


def opt_out(world: World, to: str) -> None:
    reply = world.request("optouts", "PUT", "/sms/optouts/{number}", {}, parameters={"number": to})
    assert reply.status == 200


def test_each_text_is_stored_and_sent_once_and_answered_in_order(world: World) -> None:
    wanted = items(12)

    reply = ask(world, wanted, key="list-1")

    assert sorted(message.text or "" for message in world.messages.all) == sorted(
        item["message"] for item in wanted
    )
    assert (reply.status, reply.fields["accepted"], reply.fields["refused"]) == (202, 12, 0)
    stored = {message.recipient: message for message in world.messages.all}
    assert rows(reply) == [
        {"message_id": stored[item["to"]].id, "status": "queued", "segments": 1} for item in wanted
    ]
    assert deliver(world) == expected(wanted)


def test_a_batch_is_bulk_unless_it_says_otherwise(world: World) -> None:
    first, second, third = items(3)
    ask(world, [first, second | {"priority": "transactional"}, third | {"priority": None}])
    ask(world, items(1, 3), priority="transactional")

    found = {message.recipient: message.priority for message in world.messages.all}
    assert list(found.values()) == [Priority.BULK, Priority.TRANSACTIONAL, Priority.BULK, Priority.TRANSACTIONAL]
    assert (len(world.queue.stored), len(world.bulk_queue.stored)) == (2, 2)


def test_a_template_is_filled_for_each_row(world: World) -> None:
    values = [{"name": "Ana", "first name": "A", "more": "unused"}, {"name": "{name}", "first name": "B"}]

    reply = ask(
        world,
        [{"to": number(place), "values": row} for place, row in enumerate(values)],
        template="Hi {name}, {{{first name}}} {{x}}",
    )

    assert [message.text for message in world.messages.all] == ["Hi Ana, {A} {x}", "Hi {name}, {B} {x}"]
    assert reply.fields["accepted"] == 2


def test_what_the_batch_says_holds_for_each_item_that_does_not_say_it(world: World) -> None:
    at_ms, later_ms = world.clock.now + HOUR, world.clock.now + 2 * HOUR
    first, second, third, fourth = items(4)

    reply = ask(
        world,
        [
            first,
            second | {"send_at": iso(later_ms), "metadata": {"tag": "own", "row": "2"}, "category": "marketing"},
            third | {"expires_at": iso(later_ms), "send_at": None},
            fourth | {"smart_encoding": False, "metadata": None, "priority": None},
        ],
        send_at=iso(at_ms),
        ttl_s=60,
        metadata={"tag": "common", "list": "7"},
        smart_encoding=True,
        priority="transactional",
    )

    found = [message for _, message in sorted((message.recipient, message) for message in world.messages.all)]
    assert [message.send_at_ms for message in found] == [at_ms, later_ms, at_ms, at_ms]
    assert [message.expires_ms for message in found] == [
        at_ms + 60_000,
        later_ms + 60_000,
        later_ms,
        at_ms + 60_000,
    ]
    assert [message.metadata for message in found] == [
        {"tag": "common", "list": "7"},
        {"tag": "own", "list": "7", "row": "2"},
        {"tag": "common", "list": "7"},
        {"tag": "common", "list": "7"},
    ]
    assert [message.category for message in found] == [None, "marketing", None, None]
    assert [message.priority for message in found] == ["transactional"] * 4
    held = {"eta": iso(at_ms), "held_by": "schedule", "send_at": iso(at_ms)}
    assert rows(reply)[0] == {"message_id": found[0].id, "status": "held", "segments": 1} | held
    # A null is "not said".
    assert rows(reply)[2]["eta"] == iso(at_ms)


def test_what_smart_encoding_replaced_is_in_the_row(world: World) -> None:
    text = "It\N{RIGHT SINGLE QUOTATION MARK}s late " + "a" * 80

    (row,) = rows(ask(world, [{"to": THEIRS, "message": text}], smart_encoding=True))

    assert world.messages.all[0].text == "It's late " + "a" * 80
    assert (row["segments"], row["replaced"][0]["replacement"]) == (1, "'")


def test_an_item_is_refused_as_queue_would_and_holds_up_no_other() -> None:
    world = make_world(make_settings(quiet_hours=QuietHours.parse("21:00-08:00")))
    opt_out(world, number(1))
    bad: list[dict[str, Any]] = [
        {"to": number(1), "message": "Hello"},
        {"to": BRITISH, "message": "Hello"},
        {"to": "2025550123", "message": "Hello"},
        {"to": THEIRS, "message": ""},
        {"to": THEIRS, "message": "x" * 2_000},
        {"to": THEIRS, "message": "Hello", "mesage": "x"},
        {"to": THEIRS, "message": "Hello", "send_at": "2020-01-01T00:00:00Z"},
        {"to": THEIRS, "message": "Hello", "send_at": "2030-01-01T00:00:00Z"},
        {"to": THEIRS, "message": "Hello", "ttl_s": "9"},
        {"to": THEIRS, "message": "Hello", "metadata": {"a": 1}},
        {"to": THEIRS, "message": "Hello", "timezone": "Nowhere/None"},
        {"message": "Hello"},
    ]
    good = items(3, 10)

    mixed = [good[0], *bad[:6], good[1], *bad[6:], good[2]]
    reply = ask(world, mixed)

    assert sorted(message.recipient for message in world.messages.all) == sorted(item["to"] for item in good)
    assert (reply.status, reply.fields["accepted"], reply.fields["refused"]) == (202, 3, len(bad))
    for place, item in enumerate(mixed):
        row = rows(reply)[place]
        if item in good:
            assert row["status"] == "queued"
            continue
        alone = world.request("queue", "POST", "/sms/queue", item)
        assert row == {"index": place, "status_code": alone.status} | alone.fields
    assert len(world.messages.all) == 3


def test_the_texts_of_one_person_keep_their_order_and_fill_their_queue() -> None:
    world = make_world(make_settings(max_pending_per_recipient=4))
    world.enqueue(THEIRS, "before", priority="bulk")
    wanted = [{"to": THEIRS, "message": f"Text {place}"} for place in range(6)]

    reply = ask(world, [wanted[0], *items(1), *wanted[1:]])

    assert [row.get("code") for row in rows(reply)] == [None] * 4 + ["recipient_queue_full"] * 3
    assert (rows(reply)[4]["status_code"], rows(reply)[4]["retry_after_s"]) == (429, 2)
    deliver(world)
    sent = [text.text for text in world.provider.texts if text.recipient == THEIRS]
    assert sent == ["before", "Text 0", "Text 1", "Text 2"]


def test_held_texts_wait_before_what_is_due_after_them_only() -> None:
    world = make_world(make_settings(max_pending_per_recipient=1))
    later = iso(world.clock.now + HOUR)

    reply = ask(world, [{"to": THEIRS, "message": "later", "send_at": later}, {"to": THEIRS, "message": "now"}])

    assert [row["status"] for row in rows(reply)] == ["held", "queued"]
    again = ask(world, [{"to": THEIRS, "message": "later still", "send_at": iso(world.clock.now + 2 * HOUR)}])
    assert rows(again)[0]["code"] == "recipient_queue_full"
    other = make_world(make_settings(max_pending_per_recipient=1))
    at = [iso(other.clock.now + hours * HOUR) for hours in (1, 2, 3)]
    other.enqueue(THEIRS, "second", priority="bulk", send_at=at[1])
    both = ask(other, [{"to": THEIRS, "message": "x", "send_at": at[place]} for place in (0, 2)])
    assert [row.get("code") for row in rows(both)] == [None, "recipient_queue_full"]
    assert len(other.messages.all) == 2


def test_held_texts_that_are_due_soon_leave_at_their_time(world: World) -> None:
    at_ms = world.clock.now + 30_000
    wanted = items(30)

    ask(world, wanted, send_at=iso(at_ms))

    assert all(message.status is Status.HELD for message in world.messages.all)
    assert world.bulk_queue.faults.count("set_timers") <= 3
    assert deliver(world) == expected(wanted)
    assert at_ms <= min(world.provider.arrivals()) <= max(world.provider.arrivals()) < at_ms + 2_000


# ------------------------------------------------------------------------------------------- repeats


def test_a_repeat_with_the_same_key_stores_and_sends_nothing_twice(world: World) -> None:
    wanted = items(12)
    first = ask(world, wanted, key="list-1")
    counted = dict(world.limits.counted)

    again = ask(world, wanted, key="list-1")

    assert len(world.messages.all) == len(world.bulk_queue.stored) == 12
    assert again.fields == first.fields
    assert world.metrics.values["DuplicatesSuppressed"] == [12]
    assert dict(world.limits.counted) == counted
    assert deliver(world) == expected(wanted)
    assert [row["status"] for row in rows(ask(world, wanted, key="list-1"))] == ["submitted"] * 12


def test_without_any_key_each_request_is_texts_of_its_own(world: World) -> None:
    ask(world, items(2))
    ask(world, items(2))

    assert len({message.id for message in world.messages.all}) == 4


def test_an_items_own_key_is_the_one_of_queue(world: World) -> None:
    one = world.enqueue(THEIRS, "Hello", key="row-1", priority="bulk")
    item = {"to": THEIRS, "message": "Hello", "key": "row-1"}

    # Wherever it stands, and whatever key the whole has.
    for number_of_call, wanted in enumerate(([item], [*items(1), item])):
        reply = ask(world, wanted, key=f"list-{number_of_call}")
        assert rows(reply)[-1]["message_id"] == one.fields["message_id"]
    two = ask(world, [{"to": THEIRS, "message": "Bye", "key": "row-2"}])
    again = world.enqueue(THEIRS, "Bye", key="row-2", priority="bulk")

    assert again.fields["message_id"] == rows(two)[0]["message_id"]
    assert len(world.messages.all) == 3


def test_the_same_key_with_other_words_is_refused_for_that_item_alone(world: World) -> None:
    wanted = items(3)
    ask(world, wanted, key="list-1")

    reply = ask(world, [wanted[0], wanted[1] | {"message": "Other"}, wanted[2]], key="list-1")

    assert [row.get("code") for row in rows(reply)] == [None, "idempotency_key_reused", None]
    assert rows(reply)[1]["status_code"] == 409
    assert len(world.messages.all) == 3


def test_two_api_keys_with_one_idempotency_key_do_not_meet(world: World) -> None:
    world.api_keys.live("anotherKeyId")
    for caller in (API_KEY_ID, "anotherKeyId"):
        body = {"messages": items(2)}
        world.request("queue", "POST", "/sms/batch", body, caller=caller, headers={"Idempotency-Key": "list-1"})

    assert len(world.messages.all) == 4


def test_a_repeat_is_answered_when_its_times_and_its_people_are_no_longer_allowed(world: World) -> None:
    wanted = [item | {"send_at": iso(world.clock.now + HOUR)} for item in items(2)]
    first = ask(world, wanted, key="list-1")
    world.clock.pass_ms(HOUR + 120_000)
    opt_out(world, number(0))
    world.service.settings = replace(world.settings, daily_texts_per_key=1)

    assert [row["message_id"] for row in rows(ask(world, wanted, key="list-1"))] == [
        row["message_id"] for row in rows(first)
    ]


# -------------------------------------------------------------------------------------------- quotas


def test_the_caps_of_a_day_are_counted_with_one_write_each_and_refuse_from_the_end() -> None:
    allowed = destinations.parse("+1:5,+44:2")
    world = make_world(make_settings(daily_texts_per_key=6, allowed_destinations=allowed))
    british = [{"to": f"+4420794601{place:02d}", "message": "Hello"} for place in range(3)]

    reply = ask(world, [*items(2), *british, *items(4, 2)])

    codes = [row.get("code") for row in rows(reply)]
    # Six of the key; of those two of three to +44.
    assert codes == [None, None, None, None, "daily_limit", None, "daily_limit", "daily_limit", "daily_limit"]
    assert rows(reply)[-1]["retry_after_s"] > 0
    assert len(world.messages.all) == 5
    found = Counter({key.partition("#")[2].partition("#")[2]: many for key, many in world.limits.counted.items()})
    assert found == {f"key#{API_KEY_ID}": 5, "to#+1": 3, "to#+44": 2}
    assert world.limits.faults.count("count") == 3
    assert world.metrics.values["DailyLimitReached"] == [3, 1]
    assert len(world.logger.of("guard.daily_limit")) == 2


def test_two_batches_at_once_get_together_what_the_cap_has() -> None:
    world = make_world(make_settings(daily_texts_per_key=30))
    replies: list[Any] = []
    jobs = [
        lambda first=first: replies.append(Reply.of(world.invoke("queue", event(items(20, first)))))
        for first in (0, 20)
    ]
    world.clock.side_by_side(jobs)

    assert sum(reply.fields["accepted"] for reply in replies) == 30 == len(world.messages.all)


# ------------------------------------------------------------------------------------- stores that fail


def test_where_the_queue_is_down_texts_are_taken_and_the_reconciler_puts_them_in(world: World) -> None:
    wanted = items(25)
    world.bulk_queue.faults.fail("put", times=2)

    reply = ask(world, wanted)

    assert reply.fields["accepted"] == 25
    assert sum(message.unqueued for message in world.messages.all) == 20
    assert world.metrics.counts["StoreUnavailable"] == 2
    assert deliver(world) == expected(wanted)


def test_a_repeat_puts_into_the_queue_what_may_not_be_in_it(world: World) -> None:
    wanted = items(25)
    world.bulk_queue.faults.fail("put", times=3)
    ask(world, wanted, key="list-1")
    assert len(world.bulk_queue.stored) == 0

    reply = ask(world, wanted, key="list-1")

    assert reply.fields["accepted"] == 25
    assert len(world.bulk_queue.stored) == 25
    assert not any(message.unqueued for message in world.messages.all)


def test_items_that_the_table_fails_for_are_unavailable_and_a_repeat_completes_them(world: World) -> None:
    wanted = items(12)
    # The put, and the look whether it was written all the same.
    world.messages.faults.fail("accept", skip=4, times=3)
    world.messages.faults.fail("get", times=3)

    reply = ask(world, wanted, key="list-1")

    failed = [row for row in rows(reply) if "error" in row]
    assert reply.fields["accepted"] == 9 == len(world.messages.all)
    assert {(row["code"], row["status_code"], row["retry_after_s"]) for row in failed} == {("unavailable", 503, 2)}
    assert sum(world.limits.counted.values()) == 9
    again = ask(world, wanted, key="list-1")
    assert again.fields["accepted"] == 12
    assert sum(world.limits.counted.values()) == 12
    assert deliver(world) == expected(wanted)


def test_what_stands_behind_a_text_that_failed_does_not_overtake_it(world: World) -> None:
    wanted = [{"to": THEIRS, "message": f"Text {place}"} for place in range(4)]
    world.messages.faults.fail("accept", skip=1)
    world.messages.faults.fail("get")

    first = ask(world, wanted, key="list-1")
    ask(world, wanted, key="list-1")

    assert [row.get("code") for row in rows(first)] == [None, "unavailable", "unavailable", "unavailable"]
    deliver(world)
    assert [text.text for text in world.provider.texts] == [item["message"] for item in wanted]


def test_an_answer_of_the_table_that_was_lost_is_no_refusal(world: World) -> None:
    world.messages.faults.fail("accept", after=True, times=5)

    reply = ask(world, items(10), key="list-1")

    assert reply.fields["accepted"] == 10 == len(world.messages.all)


@pytest.mark.parametrize("store", ["read", "queue_length", "get_all", "count"])
def test_a_store_that_fails_before_anything_is_written_refuses_the_whole(world: World, store: str) -> None:
    fakes = {"get_all": world.optouts, "count": world.limits}
    fakes.get(store, world.messages).faults.fail(store)  # type: ignore[attr-defined]

    reply = ask(world, items(5), key="list-1")

    assert nothing_happened(world)
    assert not len(world.bulk_queue.stored)
    assert not any(world.limits.counted.values())
    assert (reply.status, reply.fields["code"], reply.headers["retry-after"]) == (503, "unavailable", "2")
    assert ask(world, items(5), key="list-1").fields["accepted"] == 5


def test_what_is_not_stored_in_time_is_left_to_a_repeat(world: World) -> None:
    wanted = items(60)
    world.messages.faults.takes = lambda: world.clock.pass_ms(2_500)

    reply = ask(world, wanted, key="list-1")

    stored = len(world.messages.all)
    assert 0 < stored < 60
    assert reply.fields["accepted"] == stored
    world.messages.faults.takes = lambda: None
    assert ask(world, wanted, key="list-1").fields["accepted"] == 60
    assert deliver(world) == expected(wanted)


# ------------------------------------------------------------------------------------------- the rest


def test_marketing_texts_wait_for_the_end_of_quiet_hours() -> None:
    # 17:13 in New York, 14:13 in Los Angeles; after 21:00 an hour later.
    world = make_world(make_settings(quiet_hours=QuietHours.parse("17:00-08:00")))

    reply = ask(world, [{"to": "+12125550123", "message": "Sale"}], category="marketing")

    (message,) = world.messages.all
    assert (message.status, message.held_by) == (Status.HELD, HeldBy.QUIET_HOURS)
    assert rows(reply)[0]["held_by"] == "quiet_hours"


def test_the_log_has_counts_and_no_words_and_numbers(world: World) -> None:
    wanted = [{"to": number(place), "message": f"Secret {place}"} for place in range(3)]

    ask(world, [*wanted, {"to": BRITISH, "message": "Secret"}])

    (line,) = world.logger.of("request")
    assert line.fields["status"] == 202
    assert {"texts": 4, "accepted": 3, "segments": 3}.items() <= line.about.items()
    for one in world.logger.lines:
        assert "Secret" not in repr(one)
        assert not any(item["to"] in repr(one) for item in [*wanted, {"to": BRITISH}])


def test_many_numbers_that_may_not_be_texted_are_one_line_for_each_country(world: World) -> None:
    british = [{"to": f"+4420794601{place:02d}", "message": "Hello"} for place in range(5)]

    ask(world, [*british, {"to": "+18765550123", "message": "Hello"}, *items(2)])

    assert len(world.messages.all) == 2
    lines = [line.fields for line in world.logger.of("guard.destination")]
    assert lines == [
        {"to": "+4…04", "country": "+44", "caller": API_KEY_ID, "texts": 5},
        {"to": "+1…23", "country": "+1876", "caller": API_KEY_ID},
    ]
    assert world.metrics.values["DestinationRefused"] == [5, 1]


def test_the_same_words_are_refused_within_a_batch_and_after_one_where_that_is_asked_for(world: World) -> None:
    first, other = items(2)
    again = ask(world, [first, first, other], refuse_duplicates_s=600, key="list-1")
    repeated = ask(world, [first, first, other], refuse_duplicates_s=600, key="list-1")
    later = ask(world, [first | {"refuse_duplicates_s": 600}, other])

    stored = {message.recipient: message.id for message in world.messages.all if message.priority == "bulk"}
    assert [row.get("code") for row in rows(again)] == [None, "duplicate_text", None]
    assert rows(again)[1]["message_id"] == stored[first["to"]]
    assert rows(again)[1]["status_code"] == 409
    assert [row["message_id"] for row in rows(repeated)] == [row["message_id"] for row in rows(again)]
    # Only who asks for the guard has it.
    assert [row.get("code") for row in rows(later)] == ["duplicate_text", None]
    assert len(deliver(world)) == 3


def test_words_whose_text_was_not_stored_are_free_again(world: World) -> None:
    (first,) = items(1)
    world.messages.faults.fail("accept", times=9)
    refused = ask(world, [first], refuse_duplicates_s=600)
    world.messages.faults.clear()

    taken = ask(world, [first], refuse_duplicates_s=600)

    assert rows(refused)[0]["code"] == "unavailable"
    assert "code" not in rows(taken)[0]

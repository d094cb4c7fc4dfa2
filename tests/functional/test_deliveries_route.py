"""The routes of deliveries: what became of each event, and replays; what is asked wrongly is refused."""

from typing import Any

import pytest

from longcode.domain.deliveries import DAY_MS, event_id
from longcode.domain.message import iso
from longcode.entrypoints.config import WebhookSettings
from longcode.use_cases import deliveries
from tests.chance import showing
from tests.functional.delivery_steps import HOUR_MS, MINUTE_MS, SECOND_MS, URL, Deliveries
from tests.support.fakes import THEIRS, Reply, make_settings
from tests.support.fakes.clock import START_MS

ONE = "/webhooks/subscriptions/{subscription_id}"


@pytest.fixture
def steps() -> Deliveries:
    return Deliveries()


def listed(steps: Deliveries, ident: str | None = None, **query: str) -> Reply:
    parameters = {"subscription_id": ident or steps.subscription.id}
    return steps.world.request("subscriptions", "GET", f"{ONE}/deliveries", parameters=parameters, query=query)


def replay(steps: Deliveries, body: Any, ident: str | None = None) -> Reply:
    parameters = {"subscription_id": ident or steps.subscription.id}
    return steps.world.request("subscriptions", "POST", f"{ONE}/replay", body, parameters=parameters)


def test_a_list_says_of_each_event_what_became_of_it_the_newest_first(steps: Deliveries) -> None:
    steps.receivers.answers[URL] = lambda called: 503 if called.at_ms < START_MS + SECOND_MS else 200
    first = steps.text_events()[0]
    steps.publish(first)
    steps.run(START_MS + SECOND_MS)
    steps.clock.sleep_until(START_MS + 2 * SECOND_MS)
    second = steps.text_events()[0]
    steps.publish(second)
    steps.run(START_MS + 3 * SECOND_MS)

    reply = listed(steps)
    assert (reply.status, reply.fields["cursor"]) == (200, None)
    rows = {row["message_id"]: row for row in reply.fields["deliveries"]}
    assert rows[second[1].id]["state"] == "delivered"
    row = rows[first[1].id]
    assert row["state"] == "retrying"
    assert row["next_attempt_at"] > iso(START_MS + 5 * SECOND_MS)
    assert row["attempts"] == [{"at": iso(START_MS), "status": 503, "error": None, "duration_ms": 50}]
    assert set(row) == {"event_id", "type", "message_id", "state", "attempts", "next_attempt_at"}
    states = {
        state: listed(steps, state=state).fields["deliveries"] for state in ("delivered", "retrying", "gave_up")
    }
    assert {state: len(found) for state, found in states.items()} == {"delivered": 1, "retrying": 1, "gave_up": 0}


def test_pages_have_each_once_and_times_hold(steps: Deliveries) -> None:
    for _ in range(7):
        steps.publish(steps.text_events()[0])
        steps.clock.pass_ms(DAY_MS // 3)
    steps.run()
    found: list[str] = []
    query = {"limit": "2"}
    while True:
        page = listed(steps, **query).fields
        assert len(page["deliveries"]) <= 2
        found += [row["event_id"] for row in page["deliveries"]]
        if page["cursor"] is None:
            break
        query["cursor"] = page["cursor"]
    assert found == sorted(found, reverse=True)
    assert len(found) == len(set(found)) == 7
    since, until = iso(START_MS + DAY_MS // 3), iso(START_MS + DAY_MS)
    assert len(listed(steps, since=since, until=until).fields["deliveries"]) == 2
    # Longer ago than is kept: nothing, and no end of looking for it.
    assert listed(steps, until="2001-01-01T00:00:00Z").fields == {"deliveries": [], "cursor": None}


def test_what_is_asked_wrongly_is_one_400_that_names_the_field(steps: Deliveries) -> None:
    good = event_id(START_MS, "e-1", "sms.received")
    for query, named in (
        ({"state": "lost"}, "state"),
        ({"limit": "0"}, "limit"),
        ({"limit": "101"}, "limit"),
        ({"limit": "1e2"}, "limit"),
        ({"since": "yesterday"}, "since"),
        ({"until": "20231114"}, "until"),
        ({"since": iso(START_MS), "until": iso(START_MS)}, "until"),
        ({"cursor": "x"}, "cursor"),
        ({"page": "2"}, "page"),
    ):
        with showing(query):
            reply = listed(steps, **query)
            assert (reply.status, reply.fields["code"], reply.fields["field"]) == (400, "invalid_request", named)
    bodies: list[tuple[Any, str | None]] = [
        ([], None),
        ("x", None),
        ({}, "since"),
        ({"since": iso(START_MS)}, "until"),
        ({"until": iso(START_MS)}, "since"),
        ({"since": 5, "until": iso(START_MS)}, "since"),
        ({"since": iso(START_MS), "until": iso(START_MS)}, "until"),
        ({"since": iso(START_MS - 1), "until": iso(START_MS), "cursor": 7}, "cursor"),
        ({"event_ids": []}, "event_ids"),
        ({"event_ids": good}, "event_ids"),
        ({"event_ids": [good] * 101}, "event_ids"),
        ({"event_ids": [good, 5]}, "event_ids[1]"),
        ({"event_ids": [good + "\n"]}, "event_ids[0]"),
        # Of no delivery.
        ({"event_ids": [good]}, "event_ids[0]"),
        ({"event_ids": [good], "since": iso(START_MS)}, "since"),
        ({"since": iso(START_MS - 1), "until": iso(START_MS), "state": "gave_up"}, "state"),
    ]
    for body, field in bodies:
        with showing(body):
            reply = replay(steps, body)
            assert (reply.status, reply.fields["code"]) == (400, "invalid_request")
            assert reply.fields.get("field") == field
    assert steps.queue.queue.stored == []
    assert steps.world.logger.crashes == []


def test_of_a_subscription_that_there_is_not_it_is_404_and_where_nothing_is_delivered_409() -> None:
    steps = Deliveries()
    for wrong in ("whs_0000000000000000000000", "x", "subscriptions#"):
        assert listed(steps, wrong).status == 404
        assert replay(steps, {"event_ids": []}, wrong).status == 404
    off = Deliveries(settings=make_settings(webhooks=WebhookSettings("webhooks")))
    body = {"since": iso(START_MS - 1), "until": iso(START_MS)}
    made = off.world.request(
        "subscriptions", "POST", "/webhooks/subscriptions", {"url": URL, "events": ["sms.received"]}
    )
    for reply in (replay(off, body), made):
        assert (reply.status, reply.fields["code"]) == (409, "webhooks_off")
        assert "WebhookDeliveries" in reply.fields["error"]
    assert len(off.subscriptions.kept) == 1
    # What was delivered before can be seen still.
    assert listed(off).status == 200


def test_a_replay_by_id_is_one_more_call_with_the_same_id_and_what_holds_now(steps: Deliveries) -> None:
    write = steps.text_events()[0]
    steps.publish(write)
    steps.run()
    (ident,) = steps.ids()
    for _ in range(2):
        # A moment later, which to the queue is the same five minutes.
        reply = replay(steps, {"event_ids": [ident, ident]})
        assert (reply.status, reply.fields) == (202, {"replayed": 1, "remaining": False, "cursor": None})
    steps.run()
    assert steps.ids() == [ident] * 3
    assert len({one.body for one in steps.receivers.calls}) == 1
    (row,) = listed(steps).fields["deliveries"]
    assert (row["state"], len(row["attempts"])) == ("delivered", 3)

    # A person who was erased is in no replay.
    erased = steps.world.request("recipients", "DELETE", "/sms/recipients/{number}", parameters={"number": THEIRS})
    assert erased.status == 200
    assert replay(steps, {"event_ids": [ident]}).status == 202
    steps.run()
    assert len(steps.receivers.calls) == 3
    assert THEIRS not in repr(steps.log.kept)


def test_what_was_given_up_is_replayed_by_time_in_its_order_in_calls_that_have_an_end(
    steps: Deliveries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "REPLAYED_MOST", 10)
    monkeypatch.setattr(deliveries, "_PAGE", 4)
    steps.receivers.answers[URL] = lambda _: 503
    for _ in range(25):
        steps.publish(steps.text_events()[0])
        steps.clock.pass_ms(MINUTE_MS)
    steps.run()
    assert {row["state"] for row in listed(steps).fields["deliveries"]} == {"gave_up"}
    # Put right, enabled again if it was disabled.
    steps.receivers.answers.clear()
    body: dict[str, Any] = {"since": iso(START_MS), "until": iso(START_MS + HOUR_MS)}
    replayed: list[int] = []
    while True:
        reply = replay(steps, body)
        assert reply.status == 202, reply.fields
        replayed.append(reply.fields["replayed"])
        if not reply.fields["remaining"]:
            break
        body["cursor"] = reply.fields["cursor"]
    assert replayed == [10, 10, 5]
    steps.run()
    assert list(steps.ids()) == sorted(steps.ids())
    assert len(set(steps.ids())) == len(steps.ids()) == 25
    assert {row["state"] for row in listed(steps).fields["deliveries"]} == {"delivered"}


def test_one_that_is_disabled_is_enabled_before_a_replay_and_a_queue_that_fails_is_503(steps: Deliveries) -> None:
    steps.receivers.answers[URL] = lambda _: 410
    steps.publish(steps.text_events()[0])
    steps.run()
    body = {"event_ids": [row["event_id"] for row in listed(steps).fields["deliveries"]]}
    reply = replay(steps, body)
    assert (reply.status, reply.fields["field"]) == (400, "subscription_id")
    steps.subscriptions.change(steps.subscription.id, enabled=True)
    steps.queue.faults.fail("put")
    assert replay(steps, body).status == 503
    assert steps.queue.queue.stored == []
    assert replay(steps, body).status == 202

"""What POST /sms/batch refuses: as a whole, or one item in its place. Nothing of it is stored."""

import json
from typing import Any

from longcode.domain.batch_request import MAX_BODY_BYTES
from tests.chance import showing
from tests.functional.batch_steps import ask, items, number
from tests.functional.conftest import nothing_happened
from tests.functional.test_bad_input import BODIES
from tests.functional.test_batch import rows
from tests.support.fakes import THEIRS, World, make_world

GOOD: dict[str, Any] = {"to": THEIRS, "message": "Hello"}
ROW: dict[str, Any] = {"to": THEIRS, "values": {"name": "Ana"}}
T = {"template": "Hi {name}"}

# The body's fields, and the field that is named.
WHOLE: list[tuple[dict[str, object], str]] = [
    ({}, "messages"),
    ({"messages": None}, "messages"),
    ({"messages": {}}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": items(501)}, "messages"),
    ({"messages": [GOOD, "Hello"]}, "messages[1]"),
    ({"messages": [GOOD, None]}, "messages[1]"),
    ({"messages": [GOOD, {"to": THEIRS}]}, "messages[1].message"),
    ({"messages": [GOOD, ROW]}, "messages[1].values"),
    ({"messages": [ROW, GOOD], **T}, "messages[1].message"),
    ({"messages": [GOOD, GOOD | ROW], **T}, "messages[0].message"),
    ({"messages": [GOOD | {"key": "a"}, GOOD, GOOD | {"key": "a"}]}, "messages[2].key"),
    ({"messages": [ROW], "template": ""}, "template"),
    ({"messages": [ROW], "template": "  "}, "template"),
    ({"messages": [ROW], "template": 7}, "template"),
    ({"messages": [ROW], "template": "Hi {name"}, "template"),
    ({"messages": [ROW], "template": "Hi name}"}, "template"),
    ({"messages": [ROW], "template": "Hi {}"}, "template"),
    ({"messages": [ROW], "template": "Hi { name }"}, "template"),
    ({"messages": [ROW], "template": "Hi {name.upper}"}, "template"),
    ({"messages": [ROW], "template": "Hi {name[0]}"}, "template"),
    ({"messages": [ROW], "template": "Hi {name!r}"}, "template"),
    ({"messages": [ROW], "template": "Hi {name:>10}"}, "template"),
    ({"messages": [ROW], "template": "Hi {" + "n" * 65 + "}"}, "template"),
    ({"messages": [GOOD], "to": THEIRS}, "to"),
    ({"messages": [GOOD], "message": "Hello"}, "message"),
    ({"messages": [GOOD], "x" * 100: 1}, "x" * 64),
    ({"messages": [GOOD], "dry_run": "yes"}, "dry_run"),
    ({"messages": [GOOD], "dry_run": 1}, "dry_run"),
    ({"messages": [GOOD], "duplicate_window_s": -1}, "duplicate_window_s"),
    ({"messages": [GOOD], "duplicate_window_s": 604_801}, "duplicate_window_s"),
    ({"messages": [GOOD], "duplicate_window_s": True}, "duplicate_window_s"),
    ({"messages": [GOOD], "duplicate_window_s": 1.5}, "duplicate_window_s"),
    # What no item could have is refused once, and not for each.
    ({"messages": [GOOD], "priority": "urgent"}, "priority"),
    ({"messages": [GOOD], "send_at": "tomorrow"}, "send_at"),
    ({"messages": [GOOD], "ttl_s": 0}, "ttl_s"),
    ({"messages": [GOOD], "ttl_s": 5, "expires_at": "2030-01-01T00:00:00Z"}, "ttl_s"),
    ({"messages": [GOOD], "category": "spam"}, "category"),
    ({"messages": [GOOD], "timezone": "Nowhere"}, "timezone"),
    ({"messages": [GOOD], "respect_quiet_hours": "no"}, "respect_quiet_hours"),
    ({"messages": [GOOD], "metadata": ["tag"]}, "metadata"),
    ({"messages": [GOOD], "metadata": {"tag": " "}}, "metadata.tag"),
    ({"messages": [GOOD], "max_segments": 11}, "max_segments"),
    ({"messages": [GOOD], "smart_encoding": "yes"}, "smart_encoding"),
]

LONG = "x" * 1_600
# The template, the item, and what its row names.
IN_PLACE: list[tuple[str | None, dict[str, Any], str]] = [
    ("Hi {name}", {"to": THEIRS}, "values.name"),
    ("Hi {name}", {"to": THEIRS, "values": None}, "values.name"),
    ("Hi {name}", {"to": THEIRS, "values": {}}, "values.name"),
    ("Hi {name} {time}", ROW, "values.time"),
    ("Hi {Name}", ROW, "values.Name"),
    ("Hi {name}", {"to": THEIRS, "values": {"name": None}}, "values.name"),
    ("Hi {name}", {"to": THEIRS, "values": {"name": 7}}, "values.name"),
    ("Hi {name}", {"to": THEIRS, "values": {"name": ["Ana"]}}, "values.name"),
    ("Hi {name}", {"to": THEIRS, "values": ["Ana"]}, "values"),
    ("Hi {name}", {"to": THEIRS, "values": {"name": LONG}}, "values"),
    ("{name}", {"to": THEIRS, "values": {"name": ""}}, "values"),
    ("{name}", {"to": THEIRS, "values": {"name": "\ud800"}}, "values"),
    ("{name}" * 1_000, {"to": THEIRS, "values": {"name": "y" * 1_000_000, "x": "x"}}, "values.name"),
    ("Hi {name}", {"values": {"name": "Ana"}}, "to"),
    ("Hi {name}", ROW | {"Key": "x"}, "Key"),
    (None, GOOD | {"key": 7}, "key"),
    (None, GOOD | {"key": ""}, "key"),
    (None, GOOD | {"key": "two words"}, "key"),
    (None, GOOD | {"key": "k" * 256}, "key"),
    (None, GOOD | {"message": None}, "message"),
    (None, GOOD | {"message": 7}, "message"),
    (None, GOOD | {"priority": "urgent"}, "priority"),
    (None, GOOD | {"dry_run": True}, "dry_run"),
]


def test_what_is_wrong_with_the_whole_is_refused_as_a_whole_and_named() -> None:
    for dry in ({}, {"dry_run": True}):
        for fields, field in WHOLE:
            world = make_world()
            body = dry | fields

            reply = world.request("queue", "POST", "/sms/batch", body)

            assert nothing_happened(world), fields
            assert not len(world.bulk_queue.stored)
            assert (reply.status, reply.fields["code"]) == (400, "invalid_request"), fields
            assert reply.fields["field"] == field, (fields, reply.fields)
            assert world.logger.crashes == []


def test_how_many_items_there_may_be_is_in_the_answer(world: World) -> None:
    reply = ask(world, items(501))

    assert nothing_happened(world)
    assert (reply.fields["given"], reply.fields["limit"]) == (501, 500)
    assert ask(world, items(500)).fields["accepted"] == 500


def test_what_is_wrong_with_one_item_is_refused_in_its_place_and_named() -> None:
    for template, item, field in IN_PLACE:
        world = make_world()
        good = {"to": number(0), "values": {"name": "B", "time": "1", "Name": "B"}} if template else items(1)[0]
        fields: dict[str, Any] = {"template": template} if template else {}

        reply = ask(world, [good, item, good], **fields)

        row = rows(reply)[1]
        assert reply.status == 202
        assert (row["index"], row["status_code"], row["code"]) == (1, 400, "invalid_request"), item
        assert row["field"] == field, (item, row)
        assert len(world.messages.all) == 2
        assert all(message.recipient == number(0) for message in world.messages.all)
        assert world.logger.crashes == []


def test_a_template_that_grows_over_the_limit_for_one_row_says_by_how_much(world: World) -> None:
    wanted = [ROW, {"to": number(1), "values": {"name": LONG}}]

    reply = ask(world, wanted, **T)
    within = ask(world, wanted, max_segments=1, template="Hi {name}" + "x" * 155)

    assert (rows(reply)[1]["given"], rows(reply)[1]["limit"]) == (11, 10)
    assert "'template' with these values" in rows(reply)[1]["error"]
    assert len(world.messages.all) == 1
    assert [row["field"] for row in rows(within)] == ["max_segments", "values"]


def test_what_queue_refuses_is_refused_as_a_body_and_in_the_same_way_as_an_item(world: World) -> None:
    compared = 0
    for name, body, _ in BODIES:
        with showing(name):
            whole = world.request("queue", "POST", "/sms/batch", body)
            assert nothing_happened(world)
            assert 400 <= whole.status < 500
            if not isinstance(body, dict) or "message" not in body:
                continue
            alone = world.request("queue", "POST", "/sms/queue", body)
            reply = ask(world, [body])
            assert nothing_happened(world)
            assert rows(reply) == [{"index": 0, "status_code": alone.status} | alone.fields]
            compared += 1
    assert compared > 30
    assert world.logger.crashes == []


def test_a_body_over_6_mb_is_413(world: World) -> None:
    body = json.dumps({"messages": items(1)})
    padded = body + " " * (MAX_BODY_BYTES - len(body))
    assert world.request("queue", "POST", "/sms/batch", padded).status == 202

    reply = world.request("queue", "POST", "/sms/batch", padded + " ")

    assert len(world.messages.all) == 1
    assert (reply.status, reply.fields["code"]) == (413, "request_too_large")


def test_a_bad_idempotency_key_refuses_the_whole(world: World) -> None:
    reply = ask(world, items(2), key="two words")

    assert nothing_happened(world)
    assert (reply.status, reply.fields["field"]) == (400, "Idempotency-Key")

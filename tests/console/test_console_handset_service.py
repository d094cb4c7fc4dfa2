"""The service's side of the handset: what waits and what holds it, a person's texts, and the pause."""

import asyncio
import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from devtools.console.app import make_app
from devtools.console.context import Context
from devtools.console.handset.routes import Latest, Streams
from longcode.domain.carriers import Carrier
from longcode.domain.message import Entry, Fault
from longcode.domain.pacing import sender_key
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy, Status
from longcode.domain.tag_brake import Subject, SubjectKind
from longcode_cli import campaigns
from longcode_cli.problems import Problem
from tests.console.conftest import ADDRESS, Pages
from tests.longcode_cli.conftest import aws, world
from tests.longcode_cli.world import NOW_MS, OTHERS, OURS, THEIRS, World, ident
from tests.support.places import got

__all__ = ["aws", "world"]  # fixtures of the command's own tests

FAR_MS = 4_000_000_000_000
OWN = {"origin": ADDRESS, "sec-fetch-site": "same-origin"}


def looked(context: Context, world: World, number: str = THEIRS) -> dict[str, Any]:
    """What a page shows of a stack without a simulated provider."""
    return asyncio.run(Streams(replace(context, service=world.stack), None).read(number))


def test_what_waits_is_shown_with_what_holds_it(context: Context, world: World) -> None:
    world.accept(ident(1), OTHERS, NOW_MS + 5_000, priority=Priority.BULK)
    world.accept(ident(2), THEIRS, NOW_MS)
    world.accept(ident(3), THEIRS, NOW_MS + 1, segments=2, metadata={"tag": "spring"})
    world.stack.messages.hold(got(world.stack.messages, ident(2)), FAR_MS, HeldBy.RECIPIENT_RATE)
    later = {"status": Status.HELD, "not_before_ms": FAR_MS, "held_by": HeldBy.SCHEDULE}
    world.accept(ident(4), OTHERS, NOW_MS + 9, text="Later", **later)

    found = looked(context, world)

    waiting = found["service"]
    assert [(row["number"], row["texts"], row["priority"]) for row in waiting["recipient_queues"]] == [
        (THEIRS, 2, "transactional"),
        (OTHERS, 1, "bulk"),
    ]
    assert waiting["recipient_queues"][0]["held_by"] == "recipient_rate"
    assert waiting["recipient_queues"][0]["eta_ms"] == FAR_MS
    assert waiting["by_number"] == {THEIRS: 2, OTHERS: 1}
    assert [(row["number"], row["text"], row["ready_ms"]) for row in waiting["scheduled"]] == [
        (OTHERS, "Later", FAR_MS)
    ]
    second, first = found["texts"]["texts"]
    assert (first["message_id"], first["position"], first["held_by"]) == (ident(2), 1, "recipient_rate")
    assert (second["position"], second["segments"], second["tag"]) == (2, 2, "spring")
    assert second["eta_ms"] > first["eta_ms"]
    assert found["provider"] is None
    json.dumps(found)


def test_pause_breaker_and_stops_are_shown(context: Context, world: World) -> None:
    limits = world.stack.limits
    limits.pause(NOW_MS, "wrong template")
    limits.pause(NOW_MS + 1, "", Priority.BULK)
    limits.open_breaker(NOW_MS, FAR_MS, "20100 Insufficient Funds")
    limits.push(sender_key(OURS), FAR_MS)

    control = looked(context, world)["service"]["control"]
    stops = looked(context, world)["service"]["stops"]

    assert (control["paused_since_ms"], control["pause_reason"]) == (NOW_MS, "wrong template")
    assert control["pauses"] == {"bulk": {"since_ms": NOW_MS + 1, "reason": ""}}
    assert (control["breaker_until_ms"], control["breaker_reason"]) == (FAR_MS, "20100 Insufficient Funds")
    assert stops == [{"carrier": None, "until_ms": FAR_MS, "held_by": "provider_backoff"}]


def test_an_opt_out_and_a_failure_are_said(context: Context, world: World) -> None:
    world.submit(ident(1), "telnyx-1")
    world.accept(ident(2), accepted_ms=NOW_MS + 1)
    fault = Fault("opted_out", "The recipient has opted out")
    message = got(world.stack.messages, ident(2))
    entry = Entry(NOW_MS + 9, "suppressed", "consumer", faults=(fault,))
    world.stack.messages.end(message, Status.SUPPRESSED, entry, NOW_MS + 9)
    world.run("optouts", "add", THEIRS)

    found = looked(context, world)["texts"]

    assert found["opted_out"] is True
    assert [(text["status"], text["final"], text["waiting"]) for text in found["texts"]] == [
        ("suppressed", True, False),
        ("submitted", False, False),
    ]
    assert found["texts"][0]["errors"][0]["code"] == "opted_out"


def test_the_page_pauses_and_resumes_as_the_command_does(context: Context, world: World) -> None:
    pages = Pages(make_app(replace(context, service=world.stack)))

    def ask(**asked: Any) -> int:
        return pages.post("/api/handset/sending", json=asked, headers=OWN).status_code

    def control() -> Any:
        return world.stack.limits.read_gate("", OURS).control

    def paused(of: Subject) -> str | None:
        standing = campaigns.brakes(world.stack).standings([of], NOW_MS).get(of)
        return standing.pause.reason if standing and standing.pause else None

    assert ask(act="pause", reason=" wrong link ") == 200
    assert (control().pause_reason, control().paused_since_ms is None) == ("wrong link", False)
    assert ask(act="pause", priority="bulk") == 200
    assert set(control().pauses) == {Priority.BULK}
    assert ask(act="resume") == 200
    assert (control().paused_since_ms, set(control().pauses)) == (None, {Priority.BULK})
    assert ask(act="resume", priority="bulk") == 200
    assert not control().pauses
    assert ask(act="pause", carrier="att", reason="filtered") == 200
    assert set(world.stack.limits.read_gate("", OURS).carrier_pauses) == {Carrier.ATT}
    assert ask(act="resume", carrier="att") == 200
    assert not world.stack.limits.read_gate("", OURS).carrier_pauses
    spring = Subject(SubjectKind.TAG, "spring")
    assert ask(act="pause", tag="spring", reason="wrong price") == 200
    assert paused(spring) == "wrong price"
    assert ask(act="resume", tag="spring") == 200
    assert paused(spring) is None
    world.stack.limits.open_breaker(NOW_MS, FAR_MS, "20100 Insufficient Funds")
    assert ask(act="close_breaker") == 200
    assert control().breaker_until_ms is None


@pytest.mark.parametrize(
    ("asked", "at_fault"),
    [
        ({}, "act"),
        ({"act": "stop"}, "act"),
        ({"act": ["pause"]}, "act"),
        ({"act": "pause", "priority": "first"}, "priority"),
        ({"act": "pause", "priority": ["bulk"]}, "priority"),
        ({"act": "pause", "carrier": "fourth"}, "carrier"),
        ({"act": "pause", "reason": 5}, "reason"),
        ({"act": "pause", "reason": "x" * 501}, "reason"),
        ({"act": "pause", "tag": "spring\n"}, "tag"),
        ({"act": "pause", "tag": ""}, "tag"),
        ({"act": "pause", "tag": ["spring"]}, "tag"),
        ({"act": "pause", "tag": "spring", "carrier": "att"}, "tag"),
        ({"act": "close_breaker", "tag": "spring"}, "act"),
        ({"act": "close_breaker", "priority": "bulk"}, "act"),
        ({"act": "pause", "priority": "bulk", "carrier": "att"}, "carrier"),
    ],
)
def test_what_is_no_pause_is_refused_and_nothing_paused(
    context: Context, world: World, asked: dict[str, Any], at_fault: str
) -> None:
    answer = Pages(make_app(replace(context, service=world.stack))).post("/api/handset/sending", json=asked)

    assert (answer.status_code, answer.json()["field"]) == (400, at_fault)
    gate = world.stack.limits.read_gate("", OURS)
    assert (gate.control.paused_since_ms, dict(gate.control.pauses), dict(gate.carrier_pauses)) == (None, {}, {})


def test_tables_that_do_not_answer_are_a_problem_and_no_crash(context: Context, world: World) -> None:
    world.stack.client("dynamodb").delete_table(TableName=world.stack.outputs["LimitsTableName"])

    with pytest.raises(Problem, match="do not answer"):
        looked(context, world)
    answer = Pages(make_app(replace(context, service=world.stack))).post(
        "/api/handset/sending", json={"act": "pause"}
    )
    assert (answer.status_code, "do not answer" in answer.json()["error"]) == (502, True)


def test_a_reading_that_takes_long_holds_up_no_phone() -> None:
    gates = [threading.Event() for _ in range(2)]
    gates[0].set()
    answers = iter(zip(gates, ("first", "second"), strict=True))

    def read() -> str:
        gate, answer = next(answers)
        assert gate.wait(30)
        return answer

    async def looks() -> list[str]:
        latest = Latest(lambda: asyncio.to_thread(read), every_s=0.0)
        seen = [await latest.now(), await latest.now()]
        gates[1].set()
        while (found := await latest.now()) == "first":
            pass
        return [*seen, found]

    assert asyncio.run(looks()) == ["first", "first", "second"]

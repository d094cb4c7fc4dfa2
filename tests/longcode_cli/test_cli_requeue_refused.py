"""`longcode requeue --refused-by-cap`: which texts it finds, what it makes of them, and that it makes it once."""

import re
import time
from typing import Any

import pytest

from longcode.aws import queue
from longcode.aws.carriers import DynamoCarriers
from longcode.domain.carriers import Carrier, CarrierStop
from longcode.domain.message import Entry, Fault, Message, iso
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.outcomes import Receipt
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import opt_outs
from longcode_cli import queues, refused_texts
from tests.longcode_cli.world import OTHERS, OURS, THEIRS, World, hooked, ident

pytestmark = pytest.mark.disable_socket

MINUTE, HOUR = 60_000, 3_600_000
# Of another country than the number that we send from.
ABROAD = "+442079460123"
OUR_URL = "https://api.example.invalid/v1/webhooks/message"


def _ago(duration_ms: int) -> int:
    return time.time_ns() // 1_000_000 - duration_ms


def refuse(
    world: World, number: int, code: str = "40016", to: str = THEIRS, *, by: str = "receipt", **more: Any
) -> str:
    """A text that was accepted some minutes ago, the higher its number the later, and refused with that code."""
    one = ident(number)
    accepted_ms = more.pop("accepted_ms", _ago(HOUR) + number * 1_000)
    fault = Fault(code, "Refused")
    more = {"webhook_url": f"{OUR_URL}/{one}", "text": f"number {number}", **more}
    if by == "answer":
        world.accept(one, to, accepted_ms, **more)
        claim = world.stack.messages.claim(one, "claim", accepted_ms + 100)
        assert claim.message
        entry = Entry(accepted_ms + 200, "failed", "consumer", faults=(fault,))
        assert world.stack.messages.end(claim.message, Status.FAILED, entry, accepted_ms + 200)
    else:
        world.submit(one, f"telnyx-{number}", to=to, accepted_ms=accepted_ms, **more)
        receipt(world, number, Status.DELIVERY_FAILED, fault)
    return one


def receipt(world: World, number: int, status: Status, *faults: Fault) -> None:
    said = Receipt(f"event-{number}-{status}", f"telnyx-{number}", status, status.value, _ago(MINUTE), faults)
    world.stack.messages.record(ident(number), said, _ago(MINUTE))


def found(world: World, one: str) -> Message:
    message = world.stack.messages.get(one)
    assert message
    return message


def anew(world: World, one: str) -> Message | None:
    """The text that one was put back as."""
    return world.stack.messages.get(refused_texts.new_id(found(world, one)))


def waiting(world: World) -> dict[str, list[str]]:
    """The words of the texts that wait, in each recipient queue in the order in which they leave."""
    by_recipient: dict[str, list[str]] = {}
    for text in world.stack.messages.waiting(1000)[0]:
        by_recipient.setdefault(text.recipient, []).append(found(world, text.message_id).text or "")
    return by_recipient


def queued(world: World) -> list[str]:
    """The ids in the queue, each as often as it is there."""
    ids = []
    while received := queues.receive(world.stack.sqs, world.stack.queue_url, hidden_s=600):
        ids += [str(queue.read_body(message["Body"])) for message in received]
    return sorted(ids)


# ------------------------------------------------------------------------------------------- what is queued


def test_what_carriers_refused_is_queued_anew_in_its_order_and_the_old_texts_stay_as_they_are(
    world: World,
) -> None:
    old = [
        refuse(world, 1, "40016", segments=2, text="x" * 200),
        refuse(world, 3, "40014", by="receipt", metadata={"tag": "spring", "order": "7"}),
        refuse(world, 2, "40018", by="answer", category="marketing", quiet_zones="America/New_York"),
        refuse(world, 4, "40011", OTHERS, carrier="verizon"),
    ]
    before = [found(world, one) for one in old]

    printed = world.says("requeue", "--refused-by-cap", "--yes")

    assert printed.startswith("4 texts in stack long-code-test in eu-west-1 accepted since 20")
    assert "carrier texts segments to T-Mobile 1 2 1" in printed
    for row in ("AT&T 1 1 1", "Verizon 1 1 1", "not known 1 1 1"):
        assert row in printed
    assert printed.endswith("4 texts queued anew. Each names the old one in metadata.requeued_from.")
    assert waiting(world) == {THEIRS: ["x" * 200, "number 2", "number 3"], OTHERS: ["number 4"]}
    new = [anew(world, one) for one in old]
    assert queued(world) == sorted(one.id for one in new if one)
    assert [found(world, one) for one in old] == before
    for was, now in zip(before, new, strict=True):
        assert now
        assert (now.status, now.route, now.sender, now.segments) == (Status.QUEUED, "queue", OURS, was.segments)
        assert now.metadata == {**was.metadata, "requeued_from": was.id}
        assert now.webhook_url == f"{OUR_URL}/{now.id}"
        assert now.accepted_ms > was.accepted_ms
        assert (now.category, now.quiet_zones) == (was.category, was.quiet_zones)
        assert (now.telnyx_id, now.faults, now.history, now.attempts) == (None, (), (), 0)
    assert new[1]
    assert new[1].tag == "spring"


def test_a_second_run_finds_that_all_is_done(world: World) -> None:
    old = [refuse(world, number) for number in range(3)]
    world.says("requeue", "--refused-by-cap", "--yes")
    first = [anew(world, one) for one in old]

    printed = world.says("requeue", "--refused-by-cap", "--yes")

    assert "Left out: 3 texts put back already. There is nothing to put back." in printed
    assert [anew(world, one) for one in old] == first
    assert len(queued(world)) == 3


def test_a_dry_run_and_a_no_queue_nothing(world: World) -> None:
    refuse(world, 1)
    assert world.says("requeue", "--refused-by-cap", "--dry-run").endswith("Nothing was queued.")
    refused = world.run("requeue", "--refused-by-cap")
    assert (refused.exit_code, waiting(world), queued(world)) == (1, {}, [])
    assert "There is no terminal to ask on. Add --yes." in refused.stderr


def test_other_failures_other_times_and_what_arrived_after_all_are_none_of_them(world: World) -> None:
    refuse(world, 1, "40008")
    refuse(world, 2, accepted_ms=_ago(25 * HOUR))
    world.submit(ident(3), "telnyx-3", accepted_ms=_ago(HOUR))
    receipt(world, 3, Status.DELIVERED, Fault("40018", "At first"))
    world.accept(ident(4), accepted_ms=_ago(HOUR), faults=(Fault("40018", "It waits"),))

    assert world.says("requeue", "--refused-by-cap").startswith("0 texts in stack")
    # By default those that have not waited for longer than a text is valid.
    since = iso(_ago(26 * HOUR))
    printed = world.says("requeue", "--refused-by-cap", "--since", since, "--dry-run")
    assert printed.startswith(f"1 text in stack long-code-test in eu-west-1 accepted since {since}")


def test_those_that_may_not_or_can_not_be_sent_are_left_out_and_counted(world: World) -> None:
    stack = world.stack
    refuse(world, 1, to=OTHERS)
    change = OptOutChange(_ago(MINUTE), True, "api")
    opt_outs.apply(stack.optouts, OTHERS, change, _ago(MINUTE))
    refuse(world, 2, "40011", ABROAD)
    without_words = refuse(world, 3)
    erased = refuse(world, 4)
    for one, changes in ((without_words, "REMOVE #text"), (erased, "SET no_resend = :yes")):
        stack.client("dynamodb").update_item(
            TableName=stack.outputs["MessagesTableName"],
            Key={"pk": {"S": f"M#{one}"}},
            UpdateExpression=changes,
            **({"ExpressionAttributeNames": {"#text": "text"}} if "#" in changes else {}),
            **({"ExpressionAttributeValues": {":yes": {"BOOL": True}}} if ":" in changes else {}),
        )
    good = refuse(world, 5)

    printed = world.says("requeue", "--refused-by-cap", "--yes")

    for why in (
        "1 text to people who have opted out.",
        "1 text to numbers that may not be texted.",
        "1 text whose words are not kept any more.",
        "1 text that nothing may send any more.",
    ):
        assert f"Left out: {why}" in printed
    assert "1 text queued anew." in printed
    new = anew(world, good)
    assert new
    assert queued(world) == [new.id]


def test_more_than_a_recipient_queue_holds_stay_for_another_run_and_none_overtakes_them(world: World) -> None:
    for number in range(500, 598):
        world.accept(ident(number), accepted_ms=_ago(HOUR), text="It waits")
    for number in range(4):
        refuse(world, number)
    refuse(world, 5, to=OTHERS)

    result = world.run("requeue", "--refused-by-cap", "--yes")

    assert result.exit_code == 1
    assert "3 texts queued anew." in result.stdout
    assert "Left out: 2 texts whose recipient queues are full. Run it again later." in result.stderr
    assert waiting(world)[THEIRS][98:] == ["number 0", "number 1"]
    assert waiting(world)[OTHERS] == ["number 5"]


# --------------------------------------------------------------------------------------------- again and again


def test_it_may_be_killed_at_any_point_and_run_again_and_nothing_is_queued_twice(world: World) -> None:
    old = [refuse(world, number, to=to) for number, to in enumerate([THEIRS, OTHERS] * 3)]
    runs, calls, kill_at = 0, 0, 0

    def kill(**_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == kill_at:
            raise KeyboardInterrupt

    # Right before each of the two writes of a text, and after each.
    hooks = [
        (f"{moment}.{call}", kill)
        for moment in ("before-call", "after-call")
        for call in ("dynamodb.PutItem", "sqs.SendMessageBatch")
    ]
    with hooked(*hooks):
        for kill_at in range(1, 40):  # noqa: B007  # the hook reads it
            calls, runs = 0, runs + 1
            result = world.run("requeue", "--refused-by-cap", "--yes")
            if result.exit_code == 0:
                break

    assert runs > 3
    assert "There is nothing to put back." in world.says("requeue", "--refused-by-cap", "--yes")
    new = [anew(world, one) for one in old]
    stored = [one.id for one in new if one]
    assert len(set(stored)) == len(old)
    # The queue may name one twice, or one that came to nothing: what is sent, the table says.
    assert set(queued(world)) == set(stored)
    assert waiting(world) == {
        THEIRS: ["number 0", "number 2", "number 4"],
        OTHERS: ["number 1", "number 3", "number 5"],
    }


def test_one_that_is_refused_again_is_put_back_again_and_names_the_one_before_it(world: World) -> None:
    first = refuse(world, 1, metadata={"order": "7"})
    world.says("requeue", "--refused-by-cap", "--yes")
    second = anew(world, first)
    assert second
    claim = world.stack.messages.claim(second.id, "claim", second.accepted_ms + 100)
    assert claim.message
    entry = Entry(second.accepted_ms + 200, "failed", "consumer", faults=(Fault("40016", "Refused"),))
    world.stack.messages.end(claim.message, Status.FAILED, entry, second.accepted_ms + 200)

    printed = world.says("requeue", "--refused-by-cap", "--yes")

    assert "Left out: 1 text put back already." in printed
    third = anew(world, second.id)
    assert third
    assert third.metadata == {"order": "7", "requeued_from": second.id}
    assert len({first, second.id, third.id}) == 3


def test_metadata_without_room_or_with_a_field_of_that_name_stays_as_it_is(world: World) -> None:
    full, own = {"note": "x" * 2_000}, {"requeued_from": "a queue of my own"}
    old = [refuse(world, 1, metadata=full), refuse(world, 2, metadata=own)]

    world.says("requeue", "--refused-by-cap", "--yes")

    assert [new.metadata for one in old if (new := anew(world, one))] == [full, own]


# ------------------------------------------------------------------------------------------------- the words


def test_it_says_which_carriers_still_wait(world: World) -> None:
    refuse(world, 1)
    stack, now = world.stack, _ago(0)
    carriers = DynamoCarriers(stack.client("dynamodb"), stack.outputs["LimitsTableName"])
    carriers.stop(OURS, CarrierStop(Carrier.T_MOBILE, now + 3 * HOUR, HeldBy.CARRIER_DAY_CAP))
    carriers.stop(OURS, CarrierStop(Carrier.ATT, now - 1, HeldBy.CARRIER_RATE))
    stack.limits.push(f"from#{OURS}", now + MINUTE)

    printed = world.says("requeue", "--refused-by-cap", "--yes")

    assert re.search(
        r"Texts to T-Mobile wait until .+ UTC \(in 2 h 59 min\): it takes no more of ours today\.", printed
    )
    assert "AT&T wait" not in printed
    assert re.search(r"All texts wait until .+: the provider's own queue is too long\.", printed)
    assert re.search(r"sending Texts to T-Mobile wait until .+ All texts wait", world.says("queue"))
    (stop,) = world.json("queue")["carriers"]
    assert (stop["carrier"], stop["held_by"]) == ("t_mobile", "carrier_day_cap")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "2026-11-25T02:00:00Z"], "--since and --yes go with --refused-by-cap."),
        (["--yes"], "--since and --yes go with --refused-by-cap."),
        (["--refused-by-cap", "--full"], "give one"),
        (["--refused-by-cap", "--purged-at", "2026-11-25T02:00:00Z"], "give one"),
        (["--refused-by-cap", "--since", "yesterday"], "--since"),
        (["--refused-by-cap", "--since", "2096-11-25T02:00:00Z"], "is in the future"),
    ],
)
def test_what_does_not_go_together_is_named(world: World, arguments: list[str], words: str) -> None:
    refuse(world, 1)
    result = world.run("requeue", *arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())
    assert queued(world) == []

"""`longcode restore`: what comes back from a copy of the messages table, and that none of it is ever sent."""

from typing import Any

import boto3
import pytest

from longcode.aws.opt_outs import DynamoOptOuts
from longcode.domain.opt_outs import OptOutChange
from longcode.domain.status import HeldBy, Status
from longcode.use_cases import opt_outs
from tests.longcode_cli.world import OTHERS, REGION, THEIRS, World, ident
from tests.support.places import got

pytestmark = pytest.mark.disable_socket

COPY = "messages-at-0200"
# Far enough ahead that nothing in the table has expired.
ACCEPTED_MS = 4_000_000_000_000


@pytest.fixture
def dynamodb(world: World) -> Any:
    return boto3.client("dynamodb", region_name=REGION)


@pytest.fixture
def before(world: World, dynamodb: Any) -> World:
    """A text in each state, and an opt-out; a copy of all that; and then most of it is gone."""
    world.accept(ident(1), accepted_ms=ACCEPTED_MS)
    world.stack.messages.hold(
        got(world.stack.messages, ident(1)), ACCEPTED_MS + 9, HeldBy.CARRIER_DAY_CAP, cap_day="2096-10-02"
    )
    world.accept(ident(2), accepted_ms=ACCEPTED_MS)
    assert world.stack.messages.claim(ident(2), "claim", ACCEPTED_MS + 100).won
    world.submit(ident(3), "telnyx-3", to=OTHERS, accepted_ms=ACCEPTED_MS)
    world.accept(ident(4), accepted_ms=ACCEPTED_MS)
    stop = OptOutChange(ACCEPTED_MS, True, "keyword", "said")
    opt_outs.apply(DynamoOptOuts(dynamodb, "MessagesTable"), THEIRS, stop, ACCEPTED_MS)
    table = dynamodb.describe_table(TableName="MessagesTable")["Table"]
    dynamodb.create_table(
        TableName=COPY,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=table["KeySchema"],
        AttributeDefinitions=[row for row in table["AttributeDefinitions"] if row["AttributeName"] == "pk"],
    )
    for item in [*_items(dynamodb, "MessagesTable"), {"pk": {"S": "S#all"}, "queued": {"N": "3"}}]:
        dynamodb.put_item(TableName=COPY, Item=item)
        if item["pk"]["S"] != f"M#{ident(4)}" and item["pk"]["S"] != "S#all":
            dynamodb.delete_item(TableName="MessagesTable", Key={"pk": item["pk"]})
    # The one that stayed has left since the copy.
    claim = world.stack.messages.claim(ident(4), "later", ACCEPTED_MS + 200)
    assert claim.won
    return world


def _items(dynamodb: Any, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = dynamodb.scan(TableName=table)["Items"]
    return found


def test_it_wants_a_pause_first(before: World, dynamodb: Any) -> None:
    result = before.run("restore", COPY)
    assert result.exit_code == 1
    assert "Sending is not paused. longcode pause first" in result.output
    assert len(_items(dynamodb, "MessagesTable")) == 1


def test_a_dry_run_says_what_would_come_back_and_writes_nothing(before: World, dynamodb: Any) -> None:
    printed = before.says("restore", COPY, "--dry-run")
    # Three texts, the pointer from the provider's id, and the opt-out; one text is there, counters do not count.
    assert printed.startswith("6 items read, 1 of them still there, 0 past their time. 5 items would be put back.")
    assert "1 queued unknown 1 sending unknown 1 submitted submitted" in printed
    assert len(_items(dynamodb, "MessagesTable")) == 1


def test_what_had_not_left_comes_back_in_doubt_and_can_not_be_claimed(before: World) -> None:
    before.run("pause")
    before.says("restore", COPY)
    for number in (1, 2):
        found = before.stack.messages.get(ident(number))
        assert found
        assert (found.status, found.no_resend, found.faults[0].code) == (Status.UNKNOWN, True, "restored")
        assert found.text == "The words of the text"
        assert (found.slot_ms, found.held_by, found.cap_day) == (None, None, None)
        assert not before.stack.messages.claim(ident(number), "again", ACCEPTED_MS).won
    assert before.stack.messages.waiting(10) == ([], False)
    printed = before.says("status", ident(1))
    assert "operator; It is not known yet whether the provider took it; restored The text was put back" in printed


def test_what_had_left_and_who_opted_out_come_back_as_they_were(before: World, dynamodb: Any) -> None:
    before.run("pause")
    before.says("restore", COPY)
    found = before.stack.messages.find("telnyx-3")
    assert found
    assert (found.id, found.status) == (ident(3), Status.SUBMITTED)
    assert before.stack.limits.read_gate(THEIRS, before.stack.sender).opted_out
    assert "S#all" not in {item["pk"]["S"] for item in _items(dynamodb, "MessagesTable")}


def test_what_is_there_is_newer_and_stays_and_a_second_run_finds_nothing_to_do(before: World) -> None:
    before.run("pause")
    before.says("restore", COPY)
    assert before.stack.messages.get(ident(4)).status is Status.SENDING  # type: ignore[union-attr]
    assert "0 items put back." in before.says("restore", COPY)


def _refused(dynamodb: Any, number: int) -> None:
    """Put a text into the copy that is known not to have left."""
    whole = next(row for row in _items(dynamodb, COPY) if row["pk"]["S"] == f"M#{ident(3)}")
    item = {"pk": {"S": f"M#{ident(number)}"}, "safe_to_retry": {"BOOL": True}}
    dynamodb.put_item(TableName=COPY, Item=whole | item | {"status": {"S": "failed"}, "rank": {"N": "60"}})


def test_a_refusal_that_was_safe_to_repeat_is_not_any_more(before: World, dynamodb: Any) -> None:
    _refused(dynamodb, 9)
    before.run("pause")
    before.says("restore", COPY)
    found = before.stack.messages.get(ident(9))
    assert found
    assert (found.status, found.safe_to_retry) == (Status.FAILED, False)


def test_a_refused_text_that_was_asked_for_again_since_still_waits(before: World, dynamodb: Any) -> None:
    _refused(dynamodb, 9)
    before.run("pause")
    before.accept(ident(9), accepted_ms=ACCEPTED_MS + 60_000)
    before.says("restore", COPY)
    assert before.stack.messages.get(ident(9)).status is Status.QUEUED  # type: ignore[union-attr]


def test_a_request_that_was_repeated_while_its_text_was_gone_sends_no_second_one(
    before: World, dynamodb: Any
) -> None:
    # With the same Idempotency-Key it has the same id; the first of them had left, as its copy knows.
    before.run("pause")
    before.accept(ident(3), to=OTHERS, accepted_ms=ACCEPTED_MS + 60_000)
    assert "5 items would be put back" in before.says("restore", COPY, "--dry-run")
    before.says("restore", COPY)
    found = before.stack.messages.get(ident(3))
    assert found
    assert (found.status, found.accepted_ms) == (Status.SUBMITTED, ACCEPTED_MS)
    assert not before.stack.messages.claim(ident(3), "again", ACCEPTED_MS).won


def test_another_text_accepted_under_the_same_key_meanwhile_stays_and_will_leave(before: World) -> None:
    # Its caller would have got a 409, had the first not been gone; it got a 202, and that is a promise.
    before.run("pause")
    before.accept(ident(3), to=OTHERS, accepted_ms=ACCEPTED_MS + 60_000, fingerprint="another text")
    assert "4 items would be put back" in before.says("restore", COPY, "--dry-run")
    before.says("restore", COPY)
    found = before.stack.messages.get(ident(3))
    assert found
    assert (found.status, found.fingerprint) == (Status.QUEUED, "another text")
    assert before.stack.messages.claim(ident(3), "mine", ACCEPTED_MS + 61_000).won

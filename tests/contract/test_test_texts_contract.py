"""What the stores promise of test texts: apart from live ones, and sent by no release that does not know them."""

from typing import TYPE_CHECKING

import pytest

from longcode.aws.attributes import untyped_item
from longcode.aws.clients import ConditionFailed
from longcode.aws.limits import DynamoLimits
from longcode.aws.messages import DynamoMessages
from longcode.aws.search_index import DynamoFinder
from longcode.domain.gate import Limiter
from longcode.domain.message import DueGroup, Place
from longcode.domain.opt_outs import OptOut, OptOutChange
from longcode.domain.priority import Priority
from longcode.domain.search import Search
from longcode.domain.status import HeldBy, Status
from longcode.use_cases.ports import Limits, Messages
from tests.contract.message_steps import NOW, claimed, due, queued, released, stored, unknown
from tests.contract.tables import create_table
from tests.support.fakes import FakeFinder, FakeLimits, FakeMessages
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, THEIRS, make_message, make_receipt
from tests.support.fakes.optouts import FakeOptOuts
from tests.support.places import END

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

QUEUE = f"{THEIRS}#test"


def test_a_test_text_is_read_back_as_one_at_each_step_of_its_life(messages: Messages) -> None:
    message = queued(messages, test=True)
    assert stored(messages, message) == message
    assert not message.no_resend

    taken = messages.claim(message.id, "mine", NOW).message
    assert taken
    assert (taken.test, taken.status, taken.no_resend) == (True, Status.SENDING, False)
    assert released(messages, taken)
    assert stored(messages, message).test


def test_each_kind_of_a_person_s_texts_has_a_recipient_queue_of_its_own(messages: Messages) -> None:
    for priority in Priority:
        live, test = queued(messages, priority=priority), queued(messages, test=True, priority=priority)
        for recipient, text in ((THEIRS, live), (QUEUE, test)):
            (row,) = messages.recipient_queue(recipient, until=END, at_most=9, priority=priority)
            assert (row.message_id, row.recipient, row.priority) == (text.id, recipient, priority)
            assert messages.queue_length(recipient, at_most=9, before=END, priority=priority) == 1
        taken = messages.claim(test.id, "mine", NOW).message
        assert taken
        released(messages, taken)
        assert messages.queue_length(QUEUE, at_most=9, before=END, priority=priority) == 1
    waiting, _ = messages.waiting(9)
    assert sorted(text.recipient for text in waiting) == [THEIRS, THEIRS, QUEUE, QUEUE]


def test_a_test_text_that_waits_is_none_of_the_oldest_and_is_found_when_it_expires(messages: Messages) -> None:
    test = queued(messages, test=True)
    expires = queued(messages, test=True, expires_ms=START_MS + 9_000)
    live = queued(messages)

    assert list(messages.oldest(9)) == [live.id]
    assert list(messages.oldest(9, expiring=True)) == []
    assert due(messages, START_MS + 9_000) == {expires.id}
    assert due(messages, START_MS + 60 * 60_000) == {test.id, expires.id, live.id}
    assert test.due_group is DueGroup.RECEIPT


def test_a_receipt_for_a_test_text_that_waits_has_its_next_one_looked_for(messages: Messages) -> None:
    test = queued(messages, test=True)
    messages.record(test.id, make_receipt(Status.SENT), NOW)
    assert due(messages, NOW + 16 * 60_000) == {test.id}


def test_nothing_sends_a_test_text_any_more_once_that_is_forbidden(messages: Messages) -> None:
    doubtful = unknown(messages, test=True)
    assert messages.forbid(doubtful)
    assert stored(messages, doubtful).test
    assert stored(messages, doubtful).no_resend
    assert not messages.mark_replayed(stored(messages, doubtful), NOW)
    again = unknown(messages, test=True)
    assert messages.mark_replayed(again, NOW)


@pytest.fixture(params=["fake", "dynamodb"])
def found(request: pytest.FixtureRequest) -> tuple[Messages, FakeFinder | DynamoFinder]:
    if request.param == "fake":
        messages = FakeMessages()
        return messages, FakeFinder(messages)
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table = create_table(client, "MessagesTable")
    real = DynamoMessages(client, table, retention_days=90, validity_minutes=60)
    return real, DynamoFinder(client, table, retention_days=90)


def test_a_person_a_tag_and_a_day_have_live_texts_or_test_texts(
    found: tuple[Messages, FakeFinder | DynamoFinder],
) -> None:
    messages, finder = found
    live = queued(messages, metadata={"tag": "spring"})
    test = queued(messages, metadata={"tag": "spring"}, test=True)

    def ids(wanted: Search) -> set[str]:
        return set(finder.find(wanted, None, 9, START_MS + 1_000).ids)

    assert test.tag
    assert ids(Search(tag="spring")) == ids(Search(since_ms=START_MS)) == {live.id}
    assert ids(Search(tag=test.tag, test=True)) == ids(Search(since_ms=START_MS, test=True)) == {test.id}
    assert ids(Search(status=Status.QUEUED, test=True)) == {test.id}
    # However many there are of one kind, they take no place of the other.
    assert ids(Search(peer=THEIRS)) == {live.id}
    assert ids(Search(peer=THEIRS, test=True)) == {test.id}
    assert ids(Search(peer=THEIRS, test=None)) == {live.id, test.id}
    assert [Search(peer=THEIRS, test=kind).fits(test) for kind in (True, None, False)] == [True, True, False]
    assert [Search(peer=THEIRS, test=kind).fits(live) for kind in (True, None, False)] == [False, True, True]
    assert ids(Search(peer=THEIRS, tag=test.tag, test=True)) == {test.id}
    ends = finder.ends(test.tag)
    assert ends
    assert ends.last_ids == (test.id,)


def test_a_gate_has_the_limiters_of_its_names_and_what_the_person_has_said(request: pytest.FixtureRequest) -> None:
    entry = OptOut(THEIRS, True, (OptOutChange(START_MS, True, "keyword"),), START_MS, 1)
    optouts = FakeOptOuts()
    optouts.entries[THEIRS] = entry
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table = create_table(client, "MessagesTable")
    real = DynamoLimits(client, create_table(client, "LimitsTable"), table)
    client.put_item(
        TableName=table,
        Item={
            "pk": {"S": f"O#{THEIRS}"}, "phone": {"S": THEIRS}, "opted_out": {"BOOL": True},
            "changed_ms": {"N": str(START_MS)}, "revision": {"N": "1"}, "history": {"L": []},
        },
    )  # fmt: skip
    stores: list[Limits] = [FakeLimits(optouts), real]
    for limits in stores:
        for key in (f"to#{THEIRS}", f"from#{OURS}", "account", f"bulk#from#{OURS}", "bulk#account"):
            limits.reserve(key, 1, 1_000, START_MS)
        gate = limits.read_gate(QUEUE, f"{OURS}#test", Priority.BULK)
        own = (gate.recipient, gate.sender, gate.account, gate.bulk_sender, gate.bulk_account)
        assert own == (Limiter(),) * 5
        assert gate.opted_out
        limits.reserve("account#test", 1, 7_000, START_MS)
        limits.reserve(f"to#{QUEUE}", 1, 8_000, START_MS)
        gate = limits.read_gate(QUEUE, f"{OURS}#test", Priority.BULK)
        assert (gate.account.tat_ms, gate.recipient.tat_ms) == (START_MS + 7_000, START_MS + 8_000)
        assert limits.read_gate(THEIRS, OURS).account.tat_ms == START_MS + 1_000


def test_the_release_before_claims_and_repeats_no_test_text(real_messages: DynamoMessages) -> None:
    """It does not know the attribute `test`. Its conditions are these; to go back to it has to be possible."""
    waits, doubtful = queued(real_messages, test=True), unknown(real_messages, test=True)
    for text, rank in ((waits, Status.QUEUED), (doubtful, Status.UNKNOWN)):
        with pytest.raises(ConditionFailed):
            real_messages.table.update(
                f"M#{text.id}",
                "SET claim_id = :claim",
                "#rank = :rank AND attribute_not_exists(no_resend)",
                {":claim": "of the release before", ":rank": rank.rank},
            )
        assert stored(real_messages, text).claim_id == text.claim_id


def test_the_item_of_a_live_text_has_nothing_of_it(real_messages: DynamoMessages) -> None:
    live, test = queued(real_messages), queued(real_messages, test=True)
    items = [untyped_item(real_messages.table.get(f"M#{text.id}") or {}) for text in (live, test)]
    assert items[1].keys() - items[0].keys() == {"test", "no_resend"}
    assert [key for key, value in items[0].items() if "test" in str(value)] == []


def test_what_is_held_is_held_as_any_other(messages: Messages) -> None:
    later = {"not_before_ms": NOW + 9_000, "status": Status.HELD, "held_by": HeldBy.SCHEDULE}
    held = queued(messages, test=True, **later)
    (row,) = messages.recipient_queue(QUEUE, until=END, at_most=9)
    assert row.place == Place(NOW + 9_000, START_MS)
    messages.queued(held)
    assert stored(messages, held).status is Status.QUEUED
    assert claimed(messages, test=True).test
    assert make_message(test=True).queue_name == QUEUE

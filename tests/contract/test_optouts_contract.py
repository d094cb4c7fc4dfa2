"""What every ledger of opt-outs promises: a read, and a write that holds only if there was none since."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError
from moto.core.models import botocore_stubber

from longcode.aws.limits import DynamoLimits
from longcode.aws.messages import DynamoMessages
from longcode.aws.opt_outs import DynamoOptOuts
from longcode.aws.search_index import DynamoFinder
from longcode.domain.opt_outs import OptOut, OptOutChange, Unclear
from longcode.domain.search import Search
from longcode.domain.status import Status
from longcode.use_cases import opt_outs
from longcode.use_cases.ports import Limits, OptOuts
from tests.contract.tables import REGION, create_table
from tests.support.fakes import FakeLimits, FakeOptOuts
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, THEIRS, make_message

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

STOP = OptOutChange(START_MS, True, "keyword", "m-1")
START = OptOutChange(START_MS + 10, False, "provider", "m-2")
STOPPED = OptOut(THEIRS, True, (STOP,), START_MS, 1)
STARTED = OptOut(THEIRS, False, (STOP, START), START_MS + 10, 2)


@pytest.fixture(params=["fake", "dynamodb"])
def both(request: pytest.FixtureRequest) -> tuple[OptOuts, Limits]:
    """The ledger, and the limits that look into it."""
    if request.param == "fake":
        fake = FakeOptOuts()
        return fake, FakeLimits(fake)
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table = create_table(client, "MessagesTable")
    return DynamoOptOuts(client, table), DynamoLimits(client, create_table(client, "LimitsTable"), table)


@pytest.fixture
def optouts(both: tuple[OptOuts, Limits]) -> OptOuts:
    return both[0]


def test_a_number_that_never_said_anything_is_not_in_the_ledger(both: tuple[OptOuts, Limits]) -> None:
    optouts, limits = both

    assert optouts.get(THEIRS) is None
    assert list(optouts.page(None, 10)) == []
    assert not limits.read_gate(THEIRS, OURS).opted_out


def test_an_opt_out_is_seen_where_it_is_decided_whether_to_send(both: tuple[OptOuts, Limits]) -> None:
    optouts, limits = both

    assert optouts.replace(None, STOPPED)

    assert optouts.get(THEIRS) == STOPPED
    assert limits.read_gate(THEIRS, OURS).opted_out
    assert not limits.read_gate("+12025550124", OURS).opted_out


def test_an_opt_in_is_seen_too_and_the_history_stays(both: tuple[OptOuts, Limits]) -> None:
    optouts, limits = both
    optouts.replace(None, STOPPED)

    assert optouts.replace(STOPPED, STARTED)

    assert optouts.get(THEIRS) == STARTED
    assert not limits.read_gate(THEIRS, OURS).opted_out
    assert list(optouts.page(None, 10)) == []


def test_what_was_said_again_is_kept_without_a_line_in_the_history(optouts: OptOuts) -> None:
    again = replace(STOPPED, said_ms=START_MS + 5, revision=2)
    optouts.replace(None, STOPPED)

    assert optouts.replace(STOPPED, again)

    assert optouts.get(THEIRS) == again


def test_the_scope_of_each_change_is_kept(optouts: OptOuts) -> None:
    reminders = replace(STOP, scope="reminders")
    entry = OptOut(THEIRS, True, (reminders, replace(STOP, at_ms=START_MS + 5)), START_MS + 5, 2)
    optouts.replace(None, replace(entry, changes=(reminders,), said_ms=START_MS, revision=1))

    assert optouts.replace(replace(entry, said_ms=START_MS, revision=1), entry)

    assert optouts.get(THEIRS) == entry
    assert entry.scopes == {"reminders", "all"}


def test_an_opt_out_of_any_scope_stops_all_texts(both: tuple[OptOuts, Limits]) -> None:
    optouts, limits = both

    assert opt_outs.apply(optouts, THEIRS, replace(STOP, scope="reminders"), START_MS)

    assert limits.read_gate(THEIRS, OURS).opted_out


def test_an_entry_that_came_since_the_look_stays(optouts: OptOuts) -> None:
    optouts.replace(None, STOPPED)

    assert not optouts.replace(None, replace(STARTED, revision=1))

    assert optouts.get(THEIRS) == STOPPED


def test_an_entry_that_changed_since_the_look_stays(optouts: OptOuts) -> None:
    optouts.replace(None, STOPPED)
    optouts.replace(STOPPED, STARTED)

    assert not optouts.replace(STOPPED, replace(STOPPED, said_ms=START_MS + 5, revision=2))

    assert optouts.get(THEIRS) == STARTED


def test_an_entry_that_changed_in_the_same_moment_stays(optouts: OptOuts) -> None:
    start = replace(STARTED, said_ms=START_MS)
    optouts.replace(None, STOPPED)
    optouts.replace(STOPPED, start)

    assert not optouts.replace(STOPPED, replace(STOPPED, said_ms=START_MS + 5, revision=2))

    assert optouts.get(THEIRS) == start


def test_an_entry_that_went_since_the_look_is_not_made_anew(optouts: OptOuts) -> None:
    assert not optouts.replace(STOPPED, STARTED)

    assert optouts.get(THEIRS) is None


@pytest.mark.parametrize("seen", [None, STOPPED], ids=["new", "changed"])
def test_of_two_equal_writes_one_is_made(optouts: OptOuts, seen: OptOut | None) -> None:
    if seen:
        optouts.replace(None, seen)
    entry = STARTED if seen else STOPPED

    assert [optouts.replace(seen, entry), optouts.replace(seen, entry)] == [True, False]


def test_one_number_does_not_touch_another(optouts: OptOuts) -> None:
    optouts.replace(None, STOPPED)

    assert optouts.replace(None, replace(STOPPED, number="+12025550124"))

    assert optouts.get(THEIRS) == STOPPED


def test_many_are_read_at_once_in_whichever_way_they_are_written(optouts: OptOuts) -> None:
    numbers = [f"+1202555{number:04}" for number in range(98)]
    opt_out_all(optouts, [*numbers[:40], "+5215512345678"])

    found = optouts.get_all([*numbers, "+525512345678", "+5215512345678"])

    assert found == {number: optouts.get(number) for number in [*numbers[:40], "+525512345678"]}
    assert optouts.get_all(numbers[40:]) == {}
    assert optouts.get_all([]) == {}


def test_the_opted_out_are_listed_in_pages_the_longest_first(optouts: OptOuts) -> None:
    for number in range(5):
        said = OptOutChange(START_MS + 5 - number, True, "api")
        opt_outs.apply(optouts, f"+1202555010{number}", said, START_MS + 100)
    opt_outs.apply(optouts, "+12025550109", START, START_MS + 100)
    # Saying it again moves no entry of the list.
    opt_outs.apply(optouts, "+12025550104", OptOutChange(START_MS + 50, True, "api"), START_MS + 100)

    first = list(optouts.page(None, 3))
    last = first[-1]
    second = list(optouts.page((last.changes[-1].at_ms, last.number), 3))

    assert [entry.number for entry in first] == ["+12025550104", "+12025550103", "+12025550102"]
    assert [entry.number for entry in second] == ["+12025550101", "+12025550100"]


@pytest.fixture(params=["fake", "dynamodb"])
def holding(request: pytest.FixtureRequest) -> tuple[OptOuts, Limits]:
    """The ledger, and limits by which texts wait for an answer to an unclear one."""
    if request.param == "fake":
        fake = FakeOptOuts()
        return fake, FakeLimits(fake, hold_on_unclear=True)
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table, limits = create_table(client, "MessagesTable"), create_table(client, "LimitsTable")
    return DynamoOptOuts(client, table), DynamoLimits(client, limits, table, hold_on_unclear=True)


UNCLEAR = Unclear(START_MS + 5, "m-5")


def test_an_unclear_text_is_kept_and_no_opt_out(both: tuple[OptOuts, Limits]) -> None:
    optouts, limits = both

    assert opt_outs.note_unclear(optouts, THEIRS, UNCLEAR)

    assert optouts.get(THEIRS) == OptOut(THEIRS, False, (), 0, 1, (UNCLEAR,))
    assert (list(optouts.page(None, 10)), list(optouts.unclear_page(None, 10))) == ([], [optouts.get(THEIRS)])
    gate = limits.read_gate(THEIRS, OURS)
    assert (gate.opted_out, gate.unclear_ms) == (False, None)


@pytest.mark.parametrize("answer", ["dismissed", "opted-out", "opted-in"])
def test_where_unclear_texts_hold_they_do_until_they_are_answered(
    holding: tuple[OptOuts, Limits], answer: str
) -> None:
    optouts, limits = holding
    opt_outs.note_unclear(optouts, THEIRS, UNCLEAR)
    assert limits.read_gate(THEIRS, OURS).unclear_ms == UNCLEAR.at_ms
    assert limits.read_gate("+12025550124", OURS).unclear_ms is None
    assert len(optouts.unclear_page(None, 10)) == 1

    if answer == "dismissed":
        opt_outs.dismiss(optouts, THEIRS, UNCLEAR.message_id, START_MS + 9)
    else:
        said = OptOutChange(START_MS + 9, answer == "opted-out", "operator")
        opt_outs.apply(optouts, THEIRS, said, START_MS + 9)

    gate = limits.read_gate(THEIRS, OURS)
    assert (gate.unclear_ms, gate.opted_out) == (None, answer == "opted-out")
    assert list(optouts.unclear_page(None, 10)) == []
    assert len(optouts.page(None, 10)) == (answer == "opted-out")


def test_a_dismissal_is_kept(optouts: OptOuts) -> None:
    opt_outs.note_unclear(optouts, THEIRS, UNCLEAR)
    opt_outs.note_unclear(optouts, THEIRS, Unclear(START_MS + 7, "m-7"))

    assert opt_outs.dismiss(optouts, THEIRS, "m-5", START_MS + 9) == 1

    entry = optouts.get(THEIRS)
    assert entry
    assert entry.unclear == (replace(UNCLEAR, dismissed_ms=START_MS + 9), Unclear(START_MS + 7, "m-7"))
    # It stands in the list by the one that is left.
    assert [one.to_review[0].message_id for one in optouts.unclear_page(None, 10)] == ["m-7"]


def test_those_to_review_are_listed_in_pages_the_longest_waiting_first(optouts: OptOuts) -> None:
    for number in range(5):
        opt_outs.note_unclear(optouts, f"+1202555010{number}", Unclear(START_MS + 5 - number, f"m-{number}"))
        # A later one moves no entry of the list.
        opt_outs.note_unclear(optouts, f"+1202555010{number}", Unclear(START_MS + 50, f"n-{number}"))
    opt_out_all(optouts, ["+12025550109"])

    first = list(optouts.unclear_page(None, 3))
    second = list(optouts.unclear_page((first[-1].to_review[0].at_ms, first[-1].number), 3))

    assert [entry.number[-1] for entry in first] == ["4", "3", "2"]
    assert [entry.number[-1] for entry in second] == ["1", "0"]


# Senders that are no E.164 number, and what they must not be taken for.
SENDERS = [
    *("40404", "7726", "ACME", "ACME Inc", "optouts", "L#optouts", "P#optouts", "O#+12025550123", "a/b", "50%25"),
    *("Étoile", "客服", "12 34", "0123456", "+0123", "x" * 100),
]


def opt_out_all(optouts: OptOuts, senders: Sequence[str], at_ms: int = START_MS) -> None:
    for sender in senders:
        assert opt_outs.apply(optouts, sender, OptOutChange(at_ms, True, "keyword", "m-1"), START_MS)


def test_any_sender_has_an_entry_of_its_own(both: tuple[OptOuts, Limits]) -> None:
    optouts, limits = both
    opt_out_all(optouts, SENDERS)
    opt_outs.apply(optouts, "ACME", OptOutChange(START_MS + 1, False, "api"), START_MS + 1)

    found = {sender: optouts.get(sender) for sender in SENDERS}

    assert {sender: entry and entry.number for sender, entry in found.items()} == {one: one for one in SENDERS}
    assert [sender for sender, entry in found.items() if entry and not entry.opted_out] == ["ACME"]
    assert not limits.read_gate(THEIRS, OURS).opted_out


@pytest.mark.parametrize("same_moment", [True, False], ids=["at-once", "one-after-another"])
def test_each_of_many_comes_once_over_the_pages_whatever_the_senders_are_called(
    optouts: OptOuts, same_moment: bool
) -> None:
    numbers = [f"+1202555{number:04}" for number in range(100, 130)]
    for place, sender in enumerate((*SENDERS, *numbers)):
        opt_out_all(optouts, [sender], START_MS if same_moment else START_MS + place)
    listed: list[str] = []
    after: tuple[int, str] | None = None
    while page := list(optouts.page(after, 3)):
        listed += [entry.number for entry in page]
        after = page[-1].changes[-1].at_ms, page[-1].number

    assert sorted(listed) == sorted((*SENDERS, *numbers))


@pytest.mark.parametrize(
    ("said_from", "texted"),
    [
        ("+5215512345678", "+525512345678"),
        ("+525512345678", "+5215512345678"),
        ("+5491123456789", "+541123456789"),
        ("+541123456789", "+5491123456789"),
        ("+551187654321", "+5511987654321"),
        ("+5511987654321", "+551187654321"),
        ("12025550123", THEIRS),
        ("0012025550123", THEIRS),
    ],
)
def test_a_stop_holds_for_all_ways_to_write_the_number(
    both: tuple[OptOuts, Limits], said_from: str, texted: str
) -> None:
    optouts, limits = both
    opt_out_all(optouts, [said_from])

    assert limits.read_gate(texted, OURS).opted_out
    assert optouts.get(texted) == optouts.get(said_from)
    assert len(optouts.page(None, 10)) == 1
    # And so does a START, of whichever way.
    assert opt_outs.apply(optouts, texted, START, START_MS + 10)
    assert not limits.read_gate(said_from, OURS).opted_out


# ---------------------------------------------------------------------------------------- of the table alone


def test_a_page_goes_on_where_an_answer_of_the_table_ends(dynamodb: "DynamoDBClient") -> None:
    """DynamoDB gives 1 MB at most."""

    class Brief:
        """A client whose answers hold two items."""

        # Any: what botocore takes and gives.
        def query(self, **arguments: Any) -> dict[str, Any]:
            answer: Any = dynamodb.query(**arguments | {"Limit": min(2, arguments["Limit"])})
            return dict(answer)

        def batch_get_item(self, **arguments: Any) -> Any:
            return dynamodb.batch_get_item(**arguments)

    table = create_table(dynamodb, "MessagesTable")
    opt_out_all(DynamoOptOuts(dynamodb, table), [f"+1202555010{number}" for number in range(7)])
    brief = DynamoOptOuts(Brief(), table)  # type: ignore[arg-type]

    assert [len(brief.page(None, at_most)) for at_most in (1, 2, 5, 7, 100)] == [1, 2, 5, 7, 7]


def test_what_changed_since_the_list_was_written_is_not_where_the_list_has_it(dynamodb: "DynamoDBClient") -> None:
    table = create_table(dynamodb, "MessagesTable")
    real = DynamoOptOuts(dynamodb, table)
    numbers = [f"+1202555010{number}" for number in range(5)]
    for place, number in enumerate(numbers):
        opt_out_all(real, [number], START_MS - 10 + place)
    changes = [(numbers[1], False), (numbers[2], False), (numbers[2], True)]

    class Behind:
        """A client whose index is a moment behind: what is said in that moment is not in it."""

        # Any: what botocore takes and gives.
        def query(self, **arguments: Any) -> Any:
            answer = dynamodb.query(**arguments)
            while changes:
                number, stops = changes.pop(0)
                change = OptOutChange(START_MS + 2 - len(changes), stops, "api")
                assert opt_outs.apply(real, number, change, START_MS + 9)
            return answer

        def batch_get_item(self, **arguments: Any) -> Any:
            return dynamodb.batch_get_item(**arguments)

    ledger = DynamoOptOuts(Behind(), table)  # type: ignore[arg-type]

    first = ledger.page(None, 3)
    rest = ledger.page((first[-1].changes[-1].at_ms, first[-1].number), 3)

    assert [entry.number for entry in first] == [numbers[0], numbers[3], numbers[4]]
    assert [entry.number for entry in rest] == [numbers[2]]


def test_messages_of_a_sender_that_is_called_like_the_list_are_not_in_it(dynamodb: "DynamoDBClient") -> None:
    table = create_table(dynamodb, "MessagesTable")
    ledger = DynamoOptOuts(dynamodb, table)
    messages = DynamoMessages(dynamodb, table, retention_days=90, validity_minutes=60)
    finder = DynamoFinder(dynamodb, table, retention_days=90)
    opt_out_all(ledger, [THEIRS, "optouts"])
    for number, sender in enumerate(("optouts", "L#optouts", "P#optouts", "O#optouts")):
        assert messages.receive(
            make_message(id=f"text-{number}", direction="inbound", status=Status.RECEIVED, sender=sender)
        )

    assert {entry.number for entry in ledger.page(None, 10)} == {THEIRS, "optouts"}
    found = {
        sender: finder.find(Search(peer=sender), None, 10, START_MS).ids for sender in ("optouts", "L#optouts")
    }
    assert found == {"optouts": ["text-0"], "L#optouts": ["text-1"]}


def old_item(client: "DynamoDBClient", table: str, changed_ms: int) -> None:
    """An opt-out as the version that knew no revisions wrote it."""
    row = {
        "at_ms": {"N": str(START_MS)},
        "opted_out": {"BOOL": True},
        "source": {"S": "keyword"},
        "note": {"S": "m-1"},
    }
    client.put_item(
        TableName=table,
        Item={
            "pk": {"S": f"O#{THEIRS}"},
            "phone": {"S": THEIRS},
            "opted_out": {"BOOL": True},
            "changed_ms": {"N": str(changed_ms)},
            "peer": {"S": "optouts"},
            "accepted_ms": {"N": str(START_MS)},
            "history": {"L": [{"M": row}]},
        },
    )


def test_an_item_without_a_revision_counts_as_the_first(dynamodb: "DynamoDBClient") -> None:
    table = create_table(dynamodb, "MessagesTable")
    ledger = DynamoOptOuts(dynamodb, table)
    old_item(dynamodb, table, START_MS)
    seen = ledger.get(THEIRS)

    # Nor has it a scope.
    assert seen == replace(STOPPED, revision=0)
    assert [ledger.replace(seen, STARTED), ledger.replace(seen, STARTED)] == [True, False]
    assert ledger.get(THEIRS) == STARTED


@pytest.mark.parametrize("revision", [0, 1])
def test_a_write_of_the_version_that_counted_none_is_seen(dynamodb: "DynamoDBClient", revision: int) -> None:
    table = create_table(dynamodb, "MessagesTable")
    ledger = DynamoOptOuts(dynamodb, table)
    if revision:
        ledger.replace(None, STOPPED)
    else:
        old_item(dynamodb, table, START_MS)
    seen = ledger.get(THEIRS)
    # Said again, by the other version.
    dynamodb.update_item(
        TableName=table,
        Key={"pk": {"S": f"O#{THEIRS}"}},
        UpdateExpression="SET changed_ms = :at",
        ExpressionAttributeValues={":at": {"N": str(START_MS + 20)}},
    )

    assert not ledger.replace(seen, STARTED)

    found = ledger.get(THEIRS)
    assert found
    assert (found.opted_out, found.said_ms) == (True, START_MS + 20)


@pytest.mark.parametrize("seen", [None, STOPPED], ids=["new", "changed"])
def test_a_lost_answer_that_botocore_asks_for_again_is_no_other_write(aws: None, seen: OptOut | None) -> None:
    client: DynamoDBClient = boto3.client(
        "dynamodb", region_name=REGION, config=Config(retries={"mode": "standard"})
    )
    ledger = DynamoOptOuts(client, create_table(client, "MessagesTable"))
    if seen:
        ledger.replace(None, seen)
    entry = STARTED if seen else STOPPED
    attempts: list[str] = []

    # Any: what botocore hands to a handler.
    def lose(event_name: str, request: Any, **_: Any) -> None:
        attempts.append(event_name)
        if len(attempts) == 1:
            botocore_stubber(event_name, request)
            raise ReadTimeoutError(endpoint_url=request.url)

    client.meta.events.register_first("before-send.dynamodb.UpdateItem", lose)

    assert ledger.replace(seen, entry)

    assert len(attempts) == 2
    assert ledger.get(THEIRS) == entry

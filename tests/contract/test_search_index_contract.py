"""What finding messages promises: newest first, each exactly once over all pages, in bounded steps."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longcode.aws.messages import DynamoMessages
from longcode.aws.search_index import LOOKED_MOST, READS_MOST, DynamoFinder
from longcode.domain.message import Message
from longcode.domain.search import Position, Search
from longcode.domain.status import Status
from longcode.use_cases.ports import Finder, Messages
from tests.chance import times
from tests.contract.tables import create_table
from tests.support.fakes import FakeFinder, FakeMessages
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, THEIRS, accepted, make_message

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

DAY_MS = 86_400_000
OTHERS = "+12025550124"


@dataclass(frozen=True, slots=True)
class Store:
    """Messages, and the finder over them."""

    messages: Messages
    finder: Finder

    def add(self, number: int, **changes: object) -> Message:
        """The message of that number; the ids count up."""
        inbound = changes.get("direction") == "inbound"
        kind = {"status": Status.RECEIVED, "route": "webhook", "sender": THEIRS, "recipient": OURS, "metadata": {}}
        fields = {"accepted_ms": START_MS + number, **(kind if inbound else {}), **changes}
        message = make_message(id=str(uuid.UUID(int=number)), **fields)
        if inbound:
            assert self.messages.receive(message)
        else:
            assert self.messages.accept(message) is None
        return message

    def page(self, wanted: Search, after: Position | None = None, at_most: int = 10) -> list[int]:
        """The numbers of one page."""
        return [uuid.UUID(ident).int for ident in self.finder.find(wanted, after, at_most, START_MS + DAY_MS).ids]

    def pages(self, wanted: Search, at_most: int) -> Iterator[list[int]]:
        """The numbers of each page, to the last."""
        after: Position | None = None
        while True:
            found = self.finder.find(wanted, after, at_most, START_MS + DAY_MS)
            yield [uuid.UUID(ident).int for ident in found.ids]
            after = found.next
            if after is None:
                return


def real(client: "DynamoDBClient") -> Store:
    table = create_table(client, "MessagesTable")
    messages = DynamoMessages(client, table, retention_days=90, validity_minutes=60)
    return Store(messages, DynamoFinder(client, table, retention_days=90))


@pytest.fixture(params=["fake", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "fake":
        messages = FakeMessages()
        return Store(messages, FakeFinder(messages))
    return real(request.getfixturevalue("dynamodb"))


def test_the_texts_of_one_person_are_found_newest_first_whichever_way_they_went(store: Store) -> None:
    store.add(1)
    store.add(2, direction="inbound")
    store.add(3, recipient=OTHERS)
    store.add(4)

    assert store.page(Search(peer=THEIRS)) == [4, 2, 1]


def test_what_went_to_a_person_and_what_came_from_them_are_apart(store: Store) -> None:
    store.add(1)
    store.add(2, direction="inbound")

    assert store.page(Search(peer=THEIRS, direction="outbound")) == [1]
    assert store.page(Search(peer=THEIRS, direction="inbound")) == [2]


def test_the_texts_of_a_tag_are_found_for_every_recipient(store: Store) -> None:
    for number in range(1, 21):
        store.add(number, recipient=f"+120255501{number:02d}", metadata={"tag": "spring"})
    store.add(21, metadata={"tag": "spring#3"})
    store.add(22, metadata={"tag": "autumn"})
    store.add(23, metadata={})

    assert store.page(Search(tag="spring"), at_most=30) == list(range(20, 0, -1))
    assert store.page(Search(tag="spring#3")) == [21]
    assert store.page(Search(peer=THEIRS, tag="autumn")) == [22]


def test_the_ends_of_a_tag_are_its_first_and_its_last_texts(store: Store) -> None:
    assert store.finder.ends("parcels") is None
    for number in (40, 7, 90, *range(10, 30)):
        store.add(number, metadata={"tag": "parcels"})
    store.add(1, metadata={"tag": "news"})
    store.add(99, metadata={"tag": "parcel"})

    ends = store.finder.ends("parcels")

    assert ends
    assert (ends.first_ms, ends.last_ms) == (START_MS + 7, START_MS + 90)
    assert uuid.UUID(ends.last_ids[0]).int == 90
    assert 1 < len(ends.last_ids) <= 8


@pytest.mark.parametrize("tag", ["x" * 65, " spring", "spring\n", "\u202espring", ""])
def test_a_tag_that_cannot_be_seen_is_kept_with_its_text_and_nothing_is_found_by_it(
    store: Store, tag: str
) -> None:
    message = store.add(1, metadata={"tag": tag})

    assert store.messages.get(message.id) == message
    assert store.page(Search(tag=tag)) == []
    assert store.page(Search(peer=THEIRS)) == [1]


def test_inbound_texts_are_found_by_what_they_were_read_as(store: Store) -> None:
    for number in range(1, 21):
        store.add(number, direction="inbound", opt_out="unclear", sender=THEIRS if number % 2 else OTHERS)
    store.add(21, direction="inbound", opt_out="stop")
    store.add(22, direction="inbound")
    store.add(23, metadata={"tag": "unclear"})
    store.add(24, metadata={"tag": "W#unclear"})

    assert store.page(Search(opt_out="unclear"), at_most=30) == list(range(20, 0, -1))
    assert list(store.pages(Search(opt_out="unclear"), 8)) == [
        [*range(20, 12, -1)],
        [*range(12, 4, -1)],
        [4, 3, 2, 1],
    ]
    assert store.page(Search(opt_out="stop")) == [21]
    assert store.page(Search(opt_out="start")) == []
    assert store.page(Search(peer=OTHERS, direction="inbound", opt_out="unclear"), at_most=30) == [
        *range(20, 0, -2)
    ]
    assert store.page(Search(opt_out="unclear", since_ms=START_MS + 19)) == [20, 19]
    assert store.page(Search(tag="unclear")) == [23]


@pytest.mark.parametrize("sender", ["40404", "ACME Inc", "optouts", "a/b", "x" * 100, "Étoile"])
def test_the_texts_of_any_sender_are_found(store: Store, sender: str) -> None:
    store.add(1, direction="inbound", sender=sender)
    store.add(2, direction="inbound", sender=f"{sender[:99]}s")
    store.add(3)

    assert store.page(Search(peer=sender)) == [1]


@pytest.mark.parametrize("asked", ["+525512345678", "+5215512345678"])
def test_all_ways_to_write_a_number_are_one_person(store: Store, asked: str) -> None:
    store.add(1, recipient="+5215512345678")
    store.add(2, recipient="+525512345678")
    store.add(3, direction="inbound", sender="+5215512345678", opt_out="unclear")
    store.add(4)

    assert store.page(Search(peer=asked)) == [3, 2, 1]


def test_a_status_is_found_as_it_is_now(store: Store) -> None:
    for number in (1, 2, 3):
        store.add(number)
    claim = store.messages.claim(str(uuid.UUID(int=2)), "mine", START_MS)
    assert claim.message
    store.messages.submitted(claim.message, accepted(), START_MS)

    assert store.page(Search(status=Status.QUEUED)) == [3, 1]
    assert store.page(Search(status=Status.SUBMITTED)) == [2]


def test_a_status_is_found_over_many_pages_while_it_changes(store: Store) -> None:
    """What has the status when its turn comes is found, once; what lost it before, or gets it after, is not."""
    messages = [store.add(number, metadata={"tag": "spring"}) for number in range(250)]
    ids = [message.id for message in messages]

    def claim(number: int) -> None:
        assert store.messages.claim(ids[number], "mine", START_MS + 300).won

    for number in range(0, 250, 2):
        claim(number)
    for wanted in (Search(status=Status.SENDING), Search(tag="spring", status=Status.SENDING)):
        assert [n for page in store.pages(wanted, 20) for n in page] == list(range(248, -1, -2))
    pages = store.pages(Search(peer=THEIRS, direction="outbound", status=Status.QUEUED), 20)
    found = next(pages) + next(pages)
    assert found == list(range(249, 170, -2))
    for number in (201, 101, 1):
        claim(number)

    found += [n for page in pages for n in page]

    assert found == [number for number in range(249, 0, -2) if number not in (101, 1)]


def test_a_window_of_time_takes_its_first_moment_and_not_its_last(store: Store) -> None:
    for number in range(5):
        store.add(number)

    window = {"since_ms": START_MS + 1, "until_ms": START_MS + 3}
    assert store.page(Search(**window)) == [2, 1]  # type: ignore[arg-type]
    assert store.page(Search(peer=THEIRS, **window)) == [2, 1]  # type: ignore[arg-type]


def test_a_search_by_time_crosses_midnight(store: Store) -> None:
    midnight = START_MS - START_MS % DAY_MS + DAY_MS
    for number, at_ms in enumerate((midnight - DAY_MS, midnight - 1, midnight, midnight + 1)):
        store.add(number, accepted_ms=at_ms)

    assert store.page(Search(since_ms=midnight - DAY_MS)) == [3, 2, 1, 0]
    assert list(store.pages(Search(since_ms=midnight - DAY_MS + 1), 1))[:3] == [[3], [2], [1]]


def test_an_empty_window_and_one_to_come_hold_nothing(store: Store) -> None:
    store.add(1)

    assert store.page(Search(since_ms=START_MS + 9 * DAY_MS)) == []
    assert store.page(Search(until_ms=START_MS)) == []


def test_texts_of_the_same_millisecond_come_once_each_over_the_pages(store: Store) -> None:
    for number in (4, 11, 2, 7, 1, 9, 3, 10, 6, 8, 5):
        store.add(number, accepted_ms=START_MS, metadata={"tag": "burst"})

    for wanted in (Search(peer=THEIRS), Search(tag="burst"), Search(status=Status.QUEUED)):
        pages = [page for page in store.pages(wanted, 4) if page]
        assert pages == [[11, 10, 9, 8], [7, 6, 5, 4], [3, 2, 1]]


def test_the_last_page_says_that_it_is_the_last(store: Store) -> None:
    for number in range(1, 5):
        store.add(number)

    assert list(store.pages(Search(peer=THEIRS), 2)) == [[4, 3], [2, 1]]


def test_what_is_accepted_while_a_caller_pages_is_not_in_their_way(store: Store) -> None:
    for number in range(1, 5):
        store.add(number)
    first = store.finder.find(Search(peer=THEIRS), None, 2, START_MS)
    store.add(9)

    assert store.page(Search(peer=THEIRS), first.next) == [2, 1]


def test_an_erased_text_is_found_no_more(store: Store) -> None:
    message = store.add(1, direction="inbound")
    store.add(2, direction="inbound")

    assert store.messages.erase(message)

    assert store.page(Search(peer=THEIRS)) == [2]


# --------------------------------------------------------------------------- only the real indexes can show it


class Counting:
    """A client that counts its reads."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.queries = 0
        self.messages = 0
        self._client = client

    # Any: what botocore takes and gives.
    def batch_get_item(self, **arguments: Any) -> object:
        self.messages += sum(len(wanted["Keys"]) for wanted in arguments["RequestItems"].values())
        return self._client.batch_get_item(**arguments)

    # Any: what botocore takes and gives.
    def query(self, **arguments: object) -> object:
        self.queries += 1
        return self._client.query(**arguments)  # type: ignore[arg-type]


def test_a_request_over_ninety_empty_days_reads_a_bounded_number_of_times_and_goes_on(
    dynamodb: "DynamoDBClient",
) -> None:
    store = real(dynamodb)
    store.add(1, accepted_ms=START_MS - 80 * DAY_MS)
    client = Counting(dynamodb)
    finder = DynamoFinder(client, store.finder._table, retention_days=90)  # type: ignore[arg-type, attr-defined]
    after: Position | None = None
    requests: list[tuple[int, int]] = []
    while True:
        before = client.queries
        found = finder.find(Search(status=Status.QUEUED), after, 50, START_MS)
        requests.append((len(found.ids), client.queries - before))
        after = found.next
        if after is None:
            break

    assert sum(ids for ids, _ in requests) == 1
    assert len(requests) == 9
    assert max(reads for _, reads in requests) <= READS_MOST + 8


def test_a_filter_that_fits_nothing_looks_at_a_bounded_number_and_goes_on(dynamodb: "DynamoDBClient") -> None:
    store = real(dynamodb)
    for number in range(1, LOOKED_MOST + 11):
        store.add(number, direction="inbound")
    client = Counting(dynamodb)
    finder = DynamoFinder(client, store.finder._table, retention_days=90)  # type: ignore[arg-type, attr-defined]
    wanted = Search(peer=THEIRS, direction="outbound")

    first = finder.find(wanted, None, 1, START_MS + DAY_MS)
    reads = client.queries
    last = finder.find(wanted, first.next, 1, START_MS + DAY_MS)

    assert (list(first.ids), list(last.ids), last.next) == ([], [], None)
    assert first.next == Position(START_MS + 11, str(uuid.UUID(int=11)))
    assert reads <= 11


def test_a_status_that_fits_nothing_reads_a_bounded_number_of_messages_and_goes_on(
    dynamodb: "DynamoDBClient",
) -> None:
    store = real(dynamodb)
    for number in range(1, LOOKED_MOST + 31):
        # Of two days, so that the batches that are read are not all full.
        store.add(number, direction="inbound", accepted_ms=START_MS + number - (number <= 30) * DAY_MS)
    store.add(0, accepted_ms=START_MS - 2 * DAY_MS)
    client = Counting(dynamodb)
    finder = DynamoFinder(client, store.finder._table, retention_days=90)  # type: ignore[arg-type, attr-defined]
    wanted = Search(status=Status.QUEUED, since_ms=START_MS - 3 * DAY_MS)

    first = finder.find(wanted, None, 1, START_MS + DAY_MS)
    read = client.messages
    last = finder.find(wanted, first.next, 1, START_MS + DAY_MS)

    assert (list(first.ids), read) == ([], LOOKED_MOST)
    assert first.next == Position(START_MS + 31, str(uuid.UUID(int=31)))
    assert ([*last.ids], last.next) == ([str(uuid.UUID(int=0))], None)
    assert client.messages == LOOKED_MOST + 31


@settings(
    deadline=None,
    max_examples=times(6),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    texts=st.lists(
        st.tuples(st.integers(0, 3), st.booleans(), st.sampled_from(["a", "b", None]), st.booleans()), max_size=14
    ),
    wanted=st.builds(
        Search,
        peer=st.sampled_from([None, THEIRS]),
        direction=st.sampled_from([None, "outbound", "inbound"]),
        tag=st.sampled_from([None, "a"]),
        status=st.sampled_from([None, Status.QUEUED, Status.RECEIVED]),
        since_ms=st.sampled_from([None, START_MS + 1]),
        until_ms=st.sampled_from([None, START_MS + 3]),
        opt_out=st.sampled_from([None, None, "unclear"]),
    ).filter(lambda wanted: wanted.tag is None or wanted.opt_out is None),
    at_most=st.integers(1, 4),
)
def test_the_fake_and_the_indexes_find_the_same(
    dynamodb: "DynamoDBClient", texts: list[tuple[int, bool, str | None, bool]], wanted: Search, at_most: int
) -> None:
    fake_messages = FakeMessages()
    stores = [real(dynamodb), Store(fake_messages, FakeFinder(fake_messages))]
    for number, (ms, inbound, tag, theirs) in enumerate(texts, 1):
        for store in stores:
            if inbound:
                word = "unclear" if theirs else None
                store.add(number, direction="inbound", accepted_ms=START_MS + ms, opt_out=word)
            else:
                store.add(
                    number,
                    accepted_ms=START_MS + ms,
                    metadata={"tag": tag} if tag else {},
                    recipient=THEIRS if theirs else OTHERS,
                )

    found, expected = (list(store.pages(wanted, at_most)) for store in stores)
    assert [n for page in found for n in page] == [n for page in expected for n in page]
    assert all(len(page) <= at_most for page in found)


class Jumbled:
    """A client whose answers have what is of one millisecond in another order: DynamoDB promises none."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self._client = client

    # Any: what botocore takes and gives.
    def query(self, **arguments: Any) -> dict[str, Any]:
        answer = self._client.query(**arguments)
        jumbled = sorted(answer["Items"], key=lambda item: (-int(item["accepted_ms"]["N"]), item["pk"]["S"]))
        return {**answer, "Items": jumbled}


def test_texts_of_one_millisecond_are_paged_once_each_in_whatever_order_the_index_has_them(
    dynamodb: "DynamoDBClient",
) -> None:
    store = real(dynamodb)
    for number in range(1, 12):
        store.add(number, accepted_ms=START_MS)
    finder = DynamoFinder(Jumbled(dynamodb), store.finder._table, retention_days=90)  # type: ignore[arg-type, attr-defined]

    pages = list(Store(store.messages, finder).pages(Search(peer=THEIRS), 4))

    assert pages == [[11, 10, 9, 8], [7, 6, 5, 4], [3, 2, 1]]

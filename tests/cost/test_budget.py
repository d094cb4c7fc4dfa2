"""What a text may cost in DynamoDB: the units of each step, what an index is written for, how large an item is."""

from collections.abc import Iterator

import pytest

from devtools.cost import journeys, units
from devtools.cost.journeys import Step
from tests.support.fakes import THEIRS

# One write unit has 1,024 bytes. The rest is room for a longer webhook URL, a tag, longer ids.
ITEM_BYTES_MOST = 950
TEXT = {"to": THEIRS, "message": journeys.TEXT, "metadata": {"tag": "parcels"}}


@pytest.fixture(scope="module")
def life() -> Iterator[journeys._Life]:
    with journeys._life() as life:
        yield life


def billed(steps: list[Step]) -> dict[str, tuple[float, float, float]]:
    """Write units of the tables and of their indexes, and read units; the publisher's counters have their own."""
    return {
        step.name: (step.counts.table_writes, step.counts.index_writes, step.counts.reads)
        for step in steps
        if step.name != "publisher"
    }


def test_a_queued_text_takes_8_units_of_the_tables_and_8_of_the_indexes(life: journeys._Life) -> None:
    steps = billed(journeys._queued(life, {**TEXT, "metadata": {}}))

    assert steps == {
        # The count of the day and the message; the person, the day, the recipient queue and the due time.
        "POST /sms/queue": (2, 4, 4.5),
        # The slot, the claim, the answer and the pointer; the recipient queue left, and another due time.
        "consumer": (4, 3, 7.5),
        "receipt: sent": (1, 0, 0),
        # No due time any more.
        "receipt: delivered": (1, 1, 0),
    }


def test_a_text_of_a_batch_takes_no_more_than_a_queued_one_and_shares_its_count_of_the_day(
    life: journeys._Life,
) -> None:
    many = 50
    queued = journeys._queued(life, {**TEXT, "metadata": {}})[0].counts
    batch = journeys.batched(life, many).counts

    # The message, and a share of the count of the day.
    assert batch.table_writes == pytest.approx(1 + 1 / many)
    assert batch.index_writes == pytest.approx(4)
    assert (batch.table_writes, batch.index_writes) <= (queued.table_writes, queued.index_writes)
    # The opt-out, and the length of the recipient queue.
    assert batch.reads <= queued.reads
    assert batch.queue_requests == pytest.approx(0.1)
    assert batch.failed_writes == 0


def test_a_text_that_is_cancelled_takes_a_write_and_two_of_the_indexes(life: journeys._Life) -> None:
    before = len(life.provider.texts)

    steps = billed(journeys._cancelled(life, {**TEXT, "metadata": {}}))

    assert steps == {
        "POST /sms/queue": (2, 4, 4.5),
        # Its place in the recipient queue and its due time go.
        "DELETE /sms/queue/{id}": (1, 2, 1),
        "consumer": (0, 0, 3.5),
    }
    assert len(life.provider.texts) == before


def test_a_text_sent_at_once_takes_4_units_of_the_indexes(life: journeys._Life) -> None:
    first = life.request("POST /sms/send", "send", "POST", "/sms/send", {**TEXT, "metadata": {}})
    steps = billed([first, *life.receipts()])

    assert [index_writes for _, index_writes, _ in steps.values()] == [3, 0, 1]


def test_a_number_whose_carrier_is_not_known_takes_one_write_more_and_no_further_one(life: journeys._Life) -> None:
    life.service.carriers.forget(THEIRS)
    first, again = (billed(journeys._queued(life, {**TEXT, "metadata": {}})) for _ in range(2))

    assert first["consumer"] == (5, 3, 7.5)
    assert again["consumer"] == (4, 3, 7.5)
    assert [first[name] for name in first if name != "consumer"] == [
        again[name] for name in again if name != "consumer"
    ]
    assert life.service.carriers.subscriptions([THEIRS])[THEIRS].carrier == "t_mobile"


def test_a_carrier_that_only_the_receipts_name_takes_one_write_more(life: journeys._Life) -> None:
    life.service.carriers.forget(THEIRS)
    life.provider.silent = True
    first = life.request("POST /sms/send", "send", "POST", "/sms/send", {**TEXT, "metadata": {}})
    life.provider.silent = False
    text = life.provider.texts[-1]
    text.network = dict(zip(("carrier", "line_type"), life.provider.carriers[THEIRS], strict=True))
    steps = billed([first, *life.receipts()])

    assert [writes for writes, _, _ in steps.values()][1:] == [2, 1]
    assert life.service.carriers.subscriptions([THEIRS])[THEIRS].carrier == "t_mobile"


def test_what_a_text_is_found_by_is_written_once(life: journeys._Life) -> None:
    life.counter.written.clear()
    journeys._queued(life, TEXT)

    changes = [(before, after) for before, after in life.counter.written if after["pk"]["S"].startswith("M#")]
    assert len(changes) == 5
    for index in life.indexes:
        entries = [units.entry(index, "pk", after) for _, after in changes]
        if index["IndexName"] in ("by_peer", "by_tag", "by_day"):
            assert entries[0]
            assert entries == entries[:1] * 5, index["IndexName"]


def test_a_delivered_text_is_one_write_unit_with_room(life: journeys._Life) -> None:
    journeys._queued(life, {**TEXT, "metadata": {}})
    text = life.provider.texts[-1]

    item = life.tables.get_item(TableName=life.table, Key={"pk": {"S": f"M#{text.key}"}})["Item"]

    assert item["status"] == {"S": "delivered"}
    assert units.size(item) <= ITEM_BYTES_MOST

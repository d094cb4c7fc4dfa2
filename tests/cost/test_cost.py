"""What a call is billed as, and that docs/cost.md says what the code does."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import typer
from moto import mock_aws
from typer.testing import CliRunner

from devtools.cost import bill, document, journeys, units
from devtools.cost.__main__ import cost
from devtools.cost.bill import Deployed, Prices
from devtools.cost.count import Counter, Counts
from devtools.cost.journeys import Run
from longcode.domain.metrics import Metric

pytestmark = pytest.mark.slow

PRICES = Prices.read()
BASIC, FULL = Deployed.read("basic"), Deployed.read("full")
BY_TIME = {
    "IndexName": "by_time",
    "KeySchema": [{"AttributeName": "who", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}],
    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["status"]},
}
ITEM = {"pk": {"S": "1"}, "who": {"S": "me"}, "at": {"N": "5"}, "status": {"S": "new"}, "more": {"S": "x"}}


@pytest.fixture(scope="module")
def run() -> Run:
    return journeys.run()


# ------------------------------------------------------------------------------- the page


def test_the_page_on_costs_is_what_the_code_comes_to(run: Run) -> None:
    made = document.render(run, PRICES)

    assert document.PAGE.read_text() == made, "Run `make cost ARGS=--write` and look at what became dearer."


def test_the_readme_has_the_same_two_numbers(run: Run) -> None:
    idle = sum(bill.fixed(run, PRICES, BASIC).values())
    million = sum(PRICES.bill(step.counts for step in run.queue).values()) * 1e6

    assert (
        f"{idle:.2f} USD a month while nothing is sent, {million:.2f} USD" in (bill.ROOT / "README.md").read_text()
    )


def test_a_scheduled_text_takes_no_write_more_and_a_timer_of_its_own(run: Run) -> None:
    now, later = journeys.total(run.queue), journeys.total(run.scheduled)

    assert (later.table_writes, later.index_writes) == (now.table_writes, now.index_writes)
    # The reconciler puts the timer in, 2.5 times where the queue drops doubles; the consumer gets it twice.
    assert later.queue_requests - now.queue_requests == 6.5
    assert later.invocations - now.invocations == 2
    # In a minute with something due the reconciler looks into its part.
    assert later.reads - now.reads <= 6
    assert (later.provider_calls, later.events) == (now.provider_calls, now.events) == (1, 1)


def test_a_run_counts_the_same_each_time(run: Run) -> None:
    assert journeys.run() == run


def test_every_price_says_where_it_is_from() -> None:
    for name, line in PRICES.lines.items():
        assert set(line) == {"usd", "per", "unit", "page", "seen"}, name
        assert line["seen"] in ("AWS", "Telnyx", "articles", "one article", "nowhere"), name
    for name, line in PRICES.free.items():
        assert name in PRICES.lines
        assert set(line) == {"count", "page", "seen"}, name
        assert line["seen"] in ("AWS", "articles", "one article"), name


# ---------------------------------------------------------------------------- units of DynamoDB


def test_an_item_is_as_large_as_its_names_and_values() -> None:
    item = {
        "pk": {"S": "Müller"},
        "n": {"N": "1700000000000"},
        "yes": {"BOOL": True},
        "ids": {"SS": ["ab", "c"]},
        "rows": {"L": [{"M": {"a": {"S": "b"}}}]},
    }

    # 2+7, 1+2 (two digits that count), 3+1, 3+3, 4 + 3+1+(3+1+1+1)
    assert units.size(item) == 9 + 3 + 4 + 6 + 14


@pytest.mark.parametrize(("length", "count"), [(0, 1), (1019, 1), (1022, 1), (1023, 2), (3000, 3)])
def test_a_write_is_billed_by_the_kilobyte(length: int, count: int) -> None:
    assert units.writes(None, {"pk": {"S": "x" * length}}) == count


def test_a_write_that_makes_an_item_smaller_is_billed_for_the_larger() -> None:
    assert units.writes({"pk": {"S": "x" * 2000}}, {"pk": {"S": "x"}}) == 2


@pytest.mark.parametrize(
    ("change", "count"),
    [
        ({}, 0),
        ({"more": {"S": "y"}}, 0),
        ({"status": {"S": "old"}}, 1),
        ({"at": {"N": "6"}}, 2),
        ({"who": {"S": "you"}}, 2),
    ],
    ids=["nothing", "not-projected", "projected", "range-key", "hash-key"],
)
def test_an_index_is_billed_for_what_changes_in_it(change: dict[str, Any], count: int) -> None:
    assert units.index_writes(BY_TIME, "pk", ITEM, ITEM | change) == count


def test_a_sparse_index_is_billed_for_what_enters_and_leaves_it() -> None:
    outside = {name: value for name, value in ITEM.items() if name != "at"}

    assert units.index_writes(BY_TIME, "pk", None, ITEM) == 1
    assert units.index_writes(BY_TIME, "pk", outside, ITEM) == 1
    assert units.index_writes(BY_TIME, "pk", ITEM, outside) == 1
    assert units.index_writes(BY_TIME, "pk", outside, None) == 0


def test_a_read_of_nothing_is_billed_and_half_where_it_may_be_old() -> None:
    assert units.reads(0, consistent=True) == 1
    assert units.reads(4097, consistent=True) == 2
    assert units.reads(4097, consistent=False) == 1


# ------------------------------------------------------------------------------------ counting


@pytest.fixture
def table() -> Iterator[tuple[Counter, Any]]:
    """A counter, and a client that it watches, of a table with one index."""
    with mock_aws():
        plain: Any = boto3.client("dynamodb", region_name="us-east-1")
        plain.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "who", "AttributeType": "S"},
                {"AttributeName": "at", "AttributeType": "N"},
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            GlobalSecondaryIndexes=[BY_TIME],
        )
        watched: Any = boto3.client("dynamodb", region_name="us-east-1")
        counter = Counter({"t": [BY_TIME]}, plain)
        counter.watch(watched)
        yield counter, watched


def test_a_put_is_counted_in_the_table_and_in_its_index(table: tuple[Counter, Any]) -> None:
    counter, client = table
    client.put_item(TableName="t", Item=ITEM)

    assert counter.now == Counts(calls=1, table_writes=1, index_writes=1)
    assert counter.written == [(None, ITEM)]


def test_a_refused_write_is_counted_and_touches_no_index(table: tuple[Counter, Any]) -> None:
    counter, client = table
    client.put_item(TableName="t", Item=ITEM)
    counter.now = Counts()
    with pytest.raises(client.exceptions.ConditionalCheckFailedException):
        client.put_item(TableName="t", Item=ITEM, ConditionExpression="attribute_not_exists(pk)")

    assert counter.now == Counts(calls=1, failed_writes=1)


def test_each_write_of_a_transaction_counts_twice(table: tuple[Counter, Any]) -> None:
    counter, client = table
    client.transact_write_items(
        TransactItems=[
            {"Put": {"TableName": "t", "Item": {"pk": {"S": "a"}}}},
            {
                "Update": {
                    "TableName": "t",
                    "Key": {"pk": {"S": "b"}},
                    "UpdateExpression": "ADD n :one",
                    "ExpressionAttributeValues": {":one": {"N": "1"}},
                }
            },
        ]
    )

    assert counter.now == Counts(calls=1, table_writes=4)


def test_a_call_without_a_price_is_an_error(table: tuple[Counter, Any]) -> None:
    _, client = table
    with pytest.raises(AssertionError, match=r"What DescribeTable is billed as is unknown"):
        client.describe_table(TableName="t")


# -------------------------------------------------------------------------------------- money


def test_basic_fits_into_what_aws_gives_for_free_and_full_is_all_there_is() -> None:
    assert (BASIC.custom_metrics, BASIC.method_metrics, BASIC.alarm_metrics) == (10, 0, 10)
    assert BASIC.dashboard_metrics <= PRICES.assumed["free_dashboard_metrics"]
    # An alarm on an expression is billed for each metric that it reads.
    assert (FULL.custom_metrics, FULL.method_metrics, FULL.alarm_metrics) == (len(Metric), 10, 66)


def test_a_month_without_a_text_costs_at_most_one_dollar(run: Run) -> None:
    found = bill.fixed(run, PRICES, BASIC)
    assert sum(found.values()) <= 1.00
    assert found["secret"] == pytest.approx(0.40)
    polls = "Lambda's polling of the queues"
    assert {part for part, usd in found.items() if usd} == {"secret", "reconciler, with its heartbeat", polls}


def test_a_second_stack_has_what_the_first_has_left(run: Run) -> None:
    second = bill.fixed(run, PRICES, BASIC, 2)
    assert (second["metrics"], second["alarms"], second["dashboards"]) == pytest.approx((3.0, 1.0, 0.0))
    assert bill.fixed(run, PRICES, BASIC, 4)["dashboards"] == pytest.approx(3.0)
    assert second["Lambda's polling of the queues"] > 0


def test_more_than_is_free_is_paid_for(run: Run) -> None:
    first, second = (bill.fixed(run, PRICES, FULL, stack) for stack in (1, 2))
    assert second["metrics"] - first["metrics"] == pytest.approx(3.0)
    assert second["alarms"] - first["alarms"] == pytest.approx(1.0)
    assert first["detailed metrics of the webhook's routes"] == pytest.approx(3.0)
    # It is too large to be one of the three that are free.
    assert first["dashboards"] == second["dashboards"] == pytest.approx(3.0)


def test_a_month_is_its_parts_and_the_provider_is_beside_it(run: Run) -> None:
    month = bill.month(run, PRICES, BASIC, 2_000)

    assert month["AWS"] == pytest.approx(month["fixed"] + month["texts"])
    assert month["provider"] == pytest.approx(2_000 * 0.0051)
    assert month["fixed"] == pytest.approx(bill.month(run, PRICES, BASIC, 0)["AWS"])


def test_traces_cost_by_the_share_that_is_asked_for(run: Run) -> None:
    # The request, two receipts, and the consumer.
    assert bill.traces(run, PRICES, 1_000_000, 0.5) == pytest.approx(4 * 0.5 * 5.0)
    assert bill.traces(run, PRICES, 1_000_000, 0) == 0


def test_the_command_gives_a_month_as_json(run: Run) -> None:
    app = typer.Typer()
    app.command()(cost)

    answer = CliRunner().invoke(app, ["--texts", "250000", "--json"])

    assert answer.exit_code == 0
    found = json.loads(answer.stdout)
    assert found["months"]["basic"] == {"250000": bill.month(run, PRICES, BASIC, 250_000)}
    assert found["counts"]["queue"][0]["name"] == "POST /sms/queue"

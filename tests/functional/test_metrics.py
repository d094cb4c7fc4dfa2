"""What the dashboard stands on: what is counted when a text goes its way, and what the log says about whom."""

import re
from decimal import Decimal
from typing import Any, get_args

import pytest

from docs import metrics as metrics_page
from longcode.domain.events import Change
from longcode.domain.message import Fault, Message
from longcode.domain.metrics import Metric
from longcode.domain.opt_outs import OptOut, OptOutChange
from longcode.domain.outcomes import Responsible
from longcode.domain.status import Status
from longcode.telnyx import error_codes
from longcode.use_cases import publish
from longcode.use_cases.gauges import STRANDED_AFTER_MS
from tests.support.fakes import OURS, ROOT, THEIRS, World, make_settings, make_world
from tests.support.fakes import provider as providers
from tests.support.fakes.examples import make_message
from tests.support.fakes.provider import refuses
from tests.support.fakes.webhooks import Signer, inbound, receipt


def measured(before: Any, after: Any) -> dict[Metric, float]:
    found: dict[Metric, float] = {}
    for metric, value in publish.measured(Change("event", "1", before, after), error_codes.explain):
        found[metric] = found.get(metric, 0) + value
    return found


def text(status: Status, **changes: Any) -> Message:
    return make_message(**({"status": status, "segments": 2} | changes))


SAY_NO = (Fault("40001", "Not routable"),)


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (None, text(Status.QUEUED), {Metric.ACCEPTED: 1}),
        (None, text(Status.SENDING), {Metric.ACCEPTED: 1}),
        (text(Status.QUEUED), text(Status.SENDING), {}),
        (
            text(Status.SENDING),
            text(Status.SUBMITTED, telnyx_id="t", parts=3),
            {Metric.SENT: 1, Metric.SEGMENTS: 3},
        ),
        (text(Status.SENDING), text(Status.UNKNOWN), {Metric.UNKNOWN: 1}),
        # A receipt settles a text in doubt: it was sent after all.
        (
            text(Status.UNKNOWN),
            text(Status.DELIVERED, telnyx_id="t"),
            {Metric.SENT: 1, Metric.SEGMENTS: 2, Metric.DELIVERED: 1, Metric.DELIVERY_FAILED: 0},
        ),
        (text(Status.SUBMITTED), text(Status.SENT), {}),
        (
            text(Status.SENT),
            text(Status.DELIVERED, cost=Decimal("0.0051")),
            {Metric.DELIVERED: 1, Metric.DELIVERY_FAILED: 0, Metric.COST: 0.0051},
        ),
        # The cost alone, later.
        (text(Status.DELIVERED), text(Status.DELIVERED, cost=Decimal("0.01")), {Metric.COST: 0.01}),
        (text(Status.DELIVERED, cost=Decimal(1)), text(Status.DELIVERED, cost=Decimal(1)), {}),
        # Corrected, either way.
        (text(Status.DELIVERED, cost=Decimal(2)), text(Status.DELIVERED, cost=Decimal(3)), {Metric.COST: 1}),
        (text(Status.DELIVERED, cost=Decimal(3)), text(Status.DELIVERED, cost=Decimal(2)), {Metric.COST: -1}),
        (
            text(Status.SENT),
            text(Status.DELIVERY_FAILED, faults=SAY_NO),
            {Metric.DELIVERY_FAILED: 1, Metric.DELIVERED: 0, Metric.FAILED_RECIPIENT: 1},
        ),
        (
            text(Status.SENT),
            text(Status.SENDING_FAILED, faults=(Fault("40002", "Spam"),)),
            {Metric.DELIVERY_FAILED: 1, Metric.DELIVERED: 0, Metric.FAILED_CONTENT: 1},
        ),
        (
            text(Status.SENT),
            text(Status.EXPIRED, faults=(Fault("40005", "Expired"),)),
            {Metric.DELIVERY_FAILED: 1, Metric.DELIVERED: 0, Metric.FAILED_RECIPIENT: 1},
        ),
        (
            text(Status.SENDING),
            text(Status.FAILED, faults=(Fault("provider_unreachable", "Not reached"),)),
            {Metric.FAILED: 1, Metric.FAILED_PROVIDER: 1},
        ),
        (
            text(Status.SENDING),
            text(Status.FAILED, faults=(Fault("10015", "Bad request"),)),
            {Metric.FAILED: 1, Metric.FAILED_SERVICE: 1},
        ),
        (
            text(Status.SENDING),
            text(Status.FAILED, faults=(Fault("20100", "No funds"),)),
            {Metric.FAILED: 1, Metric.FAILED_ACCOUNT: 1},
        ),
        (
            text(Status.SENDING),
            text(Status.FAILED, faults=(Fault("40305", "Invalid 'from'"),)),
            {Metric.FAILED: 1, Metric.FAILED_SENDER: 1},
        ),
        # A carrier takes no more, said at once or by a receipt, as the first reason or not.
        *(
            (
                text(Status.SENDING),
                text(Status.FAILED, faults=(Fault(code, "Too many"),)),
                {Metric.FAILED: 1, Metric.FAILED_SENDER: 1, Metric.REFUSED_BY_CARRIER: 1},
            )
            for code in ("40011", "40014", "40016", "40018")
        ),
        (
            text(Status.SUBMITTED),
            text(Status.SENDING_FAILED, faults=(Fault("40008", "Undeliverable"), Fault("40016", "T-Mobile"))),
            {
                Metric.DELIVERY_FAILED: 1,
                Metric.DELIVERED: 0,
                Metric.FAILED_RECIPIENT: 1,
                Metric.REFUSED_BY_CARRIER: 1,
            },
        ),
        (text(Status.QUEUED), text(Status.SUPPRESSED), {Metric.SUPPRESSED: 1}),
        (text(Status.QUEUED), text(Status.CANCELLED), {Metric.CANCELLED: 1}),
        (text(Status.QUEUED), text(Status.EXPIRED_UNSENT), {Metric.EXPIRED_UNSENT: 1}),
        (text(Status.SENT), text(Status.DELIVERY_UNCONFIRMED), {Metric.UNCONFIRMED: 1}),
        # Later evidence, of a text that was known to have been sent.
        (
            text(Status.DELIVERY_UNCONFIRMED, telnyx_id="t"),
            text(Status.DELIVERED, telnyx_id="t"),
            {Metric.DELIVERED: 1, Metric.DELIVERY_FAILED: 0},
        ),
        # The caller tried again what was proven not to have been sent.
        (text(Status.FAILED), text(Status.SENDING), {}),
        # It only went: its time was over, or it was erased.
        (text(Status.DELIVERED), None, {}),
        (None, text(Status.RECEIVED, direction="inbound"), {Metric.INBOUND: 1}),
        (text(Status.RECEIVED, direction="inbound"), text(Status.RECEIVED, direction="inbound"), {}),
        (None, None, {}),
    ],
)  # fmt: skip
def test_a_change_of_a_text_is_counted_as_what_became_of_it(
    before: Message | None, after: Message | None, counts: dict[Metric, float]
) -> None:
    assert measured(before, after) == counts


def ledger(*opted_out: bool) -> OptOut:
    changes = tuple(OptOutChange(at, out, "keyword") for at, out in enumerate(opted_out))
    return OptOut(THEIRS, opted_out[-1], changes, changes[-1].at_ms, len(changes))


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (None, ledger(True), {Metric.OPTED_OUT: 1}),
        (ledger(True), ledger(True, False), {Metric.OPTED_IN: 1}),
        (ledger(True), ledger(True, True), {}),
        # Who never stopped and says START changes nothing.
        (None, ledger(False), {}),
    ],
)
def test_a_change_of_mind_is_counted_once(before: Any, after: Any, counts: dict[Metric, float]) -> None:
    assert measured(before, after) == counts


def test_every_kind_of_fault_has_a_metric_of_its_own() -> None:
    kinds = get_args(Responsible)

    assert set(publish._FAILED_BY) == set(kinds)
    assert len(set(publish._FAILED_BY.values())) == len(kinds)


def test_what_the_bus_refused_is_counted_when_it_was_published_and_not_before(world: World) -> None:
    from tests.functional.test_publisher import IDS, a_text, publish_to

    world.event_bus.refuse = {IDS[0]}
    publish_to(world, (None, a_text()))
    assert world.metrics.counts[Metric.ACCEPTED] == 0

    world.event_bus.refuse = set()
    publish_to(world, (None, a_text()))

    assert world.metrics.counts[Metric.ACCEPTED] == 1


# ------------------------------------------------------------------------------------ counted where it happens


def test_three_texts_show_how_far_ahead_their_slots_were_and_how_old_they_left(
    world: World,
) -> None:
    for _ in range(3):
        world.enqueue()

    world.consume()

    waits, ages = world.metrics.values[Metric.PACING_WAIT], world.metrics.values[Metric.QUEUE_AGE]
    assert [round(wait, -2) for wait in waits] == [0, 1000, 2000]
    assert [age >= wait for age, wait in zip(ages, waits, strict=True)] == [True] * 3


def test_a_request_that_is_repeated_sends_nothing_and_is_counted(world: World) -> None:
    world.send(key="a")
    world.send(key="a")
    world.enqueue(key="b")
    world.enqueue(key="b")

    assert len(world.provider.texts) == 1
    assert world.metrics.counts[Metric.DUPLICATES_SUPPRESSED] == 2


def test_a_webhook_counts_as_signed_or_as_refused(world: World) -> None:
    world.webhook(inbound(THEIRS, "Hi", world.clock.now, to=OURS))
    world.webhook(
        inbound(THEIRS, "Hi", world.clock.now, to=OURS), signer=Signer(b"another one's key, not ours.....")
    )

    # Both each time, so that a share of them can be worked out.
    assert world.metrics.values[Metric.WEBHOOKS] == [1, 0]
    assert world.metrics.values[Metric.SIGNATURES_REFUSED] == [0, 1]


# ------------------------------------------------------------------------------- how it stands, by the minute


def gauges(world: World) -> dict[Metric, float]:
    world.reconcile()
    return {name: world.metrics.values[name][-1] for name in GAUGES}


GAUGES = (
    Metric.STOPPED_KEY,
    Metric.STOPPED_FUNDS,
    Metric.STOPPED_SETUP,
    Metric.STOPPED_OUTAGE,
    Metric.PAUSED,
    Metric.UNKNOWN_NOW,
    Metric.STRANDED_NOW,
)
NOTHING = dict.fromkeys(GAUGES, 0)


def test_each_minute_says_that_nothing_is_wrong(world: World) -> None:
    assert gauges(world) == NOTHING


@pytest.mark.parametrize(
    ("refusal", "gauge"),
    [
        (providers.BAD_KEY, Metric.STOPPED_KEY),
        (refuses(401, "", "No code at all"), Metric.STOPPED_KEY),
        (refuses(403, "20012", "Account inactive"), Metric.STOPPED_KEY),
        (refuses(402, "20100", "Insufficient funds"), Metric.STOPPED_FUNDS),
        (refuses(429, "40333", "Daily spend limit"), Metric.STOPPED_FUNDS),
        (refuses(400, "40305", "Invalid 'from'"), Metric.STOPPED_SETUP),
        (providers.UNREACHABLE, Metric.STOPPED_OUTAGE),
        (providers.HANGS, Metric.STOPPED_OUTAGE),
    ],
)
def test_each_minute_of_a_stop_says_whose_it_is_to_end_faults(
    world: World, refusal: providers.Behaviour, gauge: Metric
) -> None:
    world.provider.then(*[refusal] * 3)
    for number in range(3):
        # What could be about one text stops sending only when it befalls several.
        world.send(to=f"+1202555{101 + number:04}")

    assert gauges(world) == NOTHING | {gauge: 1}
    world.clock.pass_ms(60_000)
    assert gauges(world) == NOTHING | {gauge: 1}

    world.limits.close_breaker(world.clock.now)
    assert gauges(world) == NOTHING


def test_each_minute_of_a_pause_has_its_gauge(world: World) -> None:
    world.limits.pause(world.clock.now, "a wrong template")
    assert gauges(world) == NOTHING | {Metric.PAUSED: 1}


def test_each_minute_says_how_many_are_in_doubt(world: World) -> None:
    from tests.functional.test_publisher import a_text, publish_to

    publish_to(world, (None, a_text(status=Status.UNKNOWN)))
    assert gauges(world) == NOTHING | {Metric.UNKNOWN_NOW: 1}


def test_each_minute_says_how_many_texts_the_queue_has_lost(world: World) -> None:
    for number in range(2):
        world.enqueue(f"+1202555012{number}")
    lost = list(world.queue.stored)
    world.queue.stored.clear()
    assert gauges(world) == NOTHING  # they may not have come to the queue yet

    world.clock.pass_ms(STRANDED_AFTER_MS + 1)
    assert gauges(world) == NOTHING | {Metric.STRANDED_NOW: 2}

    # A text that waits in the queue, for however long, is not lost.
    world.queue.stored.extend(lost)
    assert gauges(world) == NOTHING


@pytest.mark.parametrize("store", ["messages", "queue"])
def test_where_it_is_not_known_what_waits_the_other_gauges_are_written(world: World, store: str) -> None:
    if store == "messages":
        world.messages.faults.fail("oldest", times=2)
    else:
        world.queue.faults.fail("size")

    world.reconcile()

    assert world.metrics.values[Metric.UNKNOWN_NOW] == [0]
    assert Metric.STRANDED_NOW not in world.metrics.values


def test_a_store_that_fails_while_it_is_looked_at_stops_no_second_look(world: World) -> None:
    world.queue.faults.fail("put")
    world.enqueue()
    world.clock.pass_ms(130_000)
    world.counters.faults.fail("read")

    assert world.reconcile() == 1

    assert world.metrics.counts[Metric.UNKNOWN_NOW] == 0
    assert len(world.queue.stored) == 1


# ----------------------------------------------------------------------------------------- whom it is about


def test_each_line_about_a_text_names_it() -> None:
    world = make_world(make_settings())
    world.provider.then(providers.NO_SUCH_NUMBER)
    world.send()
    world.enqueue()
    world.consume()
    world.status(world.messages.all[-1].id)
    (sent,) = world.provider.texts
    world.webhook(receipt(sent, "delivered", world.clock.now), path_id=sent.key)
    world.webhook(inbound(THEIRS, "Hi", world.clock.now, to=OURS))

    lines = [line for line in world.logger.lines if line.event != "reconcile"]
    nameless = [
        line.event
        for line in lines
        if not (line.fields | line.about).get("message_id") and not line.fields.get("message_ids")
    ]
    assert nameless == []
    assert {line.event for line in lines} >= {
        "request",
        "send.refused",
        "send.accepted",
        "webhook.received",
    }


def test_a_call_that_went_well_writes_one_line_that_says_what_came_of_it(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    world.consume()
    (text,) = world.provider.texts
    world.webhook(receipt(text, "sent", world.clock.now), path_id=ident)

    accepted, sent, reported = world.logger.lines
    assert (accepted.event, accepted.fields["status"], accepted.about["segments"]) == ("request", 202, 1)
    assert (sent.event, sent.fields["telnyx_id"]) == ("send.accepted", text.telnyx_id)
    assert (reported.event, reported.about["word"], reported.about["recorded"]) == ("request", "sent", "advanced")


def test_a_batch_of_which_something_waits_says_what(slow: World) -> None:
    ids = [slow.enqueue().fields["message_id"] for _ in range(6)]
    slow.mapping().poll()

    (line,) = slow.logger.of("batch")
    waiting = [ident for ident in ids if ident not in {text.key for text in slow.provider.texts}]
    assert (line.fields["message_ids"], line.fields["waiting"]) == (waiting, len(waiting))
    assert waiting


def test_what_a_line_is_about_ends_with_its_invocation(world: World) -> None:
    world.send()
    world.health()

    sent, looked = world.logger.of("request")
    assert sent.about["message_id"]
    assert "message_id" not in looked.about


# ------------------------------------------------------------------------------------------------------- the list


def test_the_page_of_the_metrics_is_the_one_that_the_list_makes() -> None:
    assert metrics_page.PAGE.read_text() == metrics_page.page(), "Run `make docs`."


def test_nothing_is_counted_that_is_not_in_the_list_and_all_in_it_is_counted_somewhere() -> None:
    package = ROOT / "layers/longcode/python/longcode"
    sources = "".join(path.read_text() for path in package.rglob("*.py") if path.name != "metrics.py")
    counted = set(re.findall(r"\bMetric\.([A-Z_]+)", sources))
    assert counted == set(Metric.__members__)

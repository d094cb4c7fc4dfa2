"""What every store of our registration promises: its loss opens the breaker, and the latest event counts."""

from typing import TYPE_CHECKING

import pytest

from longcode.aws.carriers import DynamoCarriers
from longcode.aws.limits import DynamoLimits
from longcode.aws.registrations import DynamoRegistrations
from longcode.domain.campaign import CampaignFacts
from longcode.domain.gate import Control
from longcode.domain.registration import Lost
from longcode.use_cases.carrier_store import Carriers
from longcode.use_cases.ports import Limits
from longcode.use_cases.registration_store import Registrations
from tests.contract.repeats import repeated
from tests.contract.tables import create_table
from tests.support.fakes import FakeCarriers, FakeLimits, FakeRegistrations
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, THEIRS
from tests.support.fakes.optouts import FakeOptOuts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

type Stores = tuple[Registrations, Limits, Carriers]

MINUTE = 60_000
SUSPENDED = "10dlc_suspended Campaign C751C6A has been suspended"
EXPIRED = "10dlc_expired Campaign C751C6A has expired"
# When it happened, when it came, and until when the breaker is open.
AT, NOW, UNTIL = START_MS, START_MS + 900, START_MS + 5 * MINUTE
ALL = tuple(Lost)


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "fake":
        known = FakeCarriers()
        limits = FakeLimits(FakeOptOuts(), known)
        return FakeRegistrations(limits), limits, known
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table = create_table(client, "LimitsTable")
    return (
        DynamoRegistrations(client, table),
        DynamoLimits(client, table, create_table(client, "MessagesTable")),
        DynamoCarriers(client, table),
    )


def control(limits: Limits) -> Control:
    return limits.read_gate("", "").control


def open_for(reason: str, until_ms: int = UNTIL, since_ms: int = NOW, lost: str = "") -> Control:
    return Control(
        breaker_since_ms=since_ms,
        breaker_until_ms=until_ms,
        breaker_reason=reason,
        registration_lost=lost or reason,
    )


def test_what_was_reported_of_the_campaign_is_there_to_compare_with(stores: Stores) -> None:
    registrations, _, carriers = stores
    facts = CampaignFacts(START_MS, "751c6a5c", "ASSIGNED", tcr_id="C751C6A")
    assert registrations.facts(OURS) is None

    carriers.know(OURS, facts)

    assert registrations.facts(OURS) == facts
    assert registrations.facts(THEIRS) is None


def test_a_registration_that_is_lost_opens_the_breaker_for_all(stores: Stores) -> None:
    registrations, limits, _ = stores
    limits.suspect("outage", THEIRS, START_MS)

    assert registrations.lose(SUSPENDED, AT, NOW, UNTIL)

    assert control(limits) == open_for(SUSPENDED)


def test_the_same_event_again_and_an_older_one_change_nothing(stores: Stores) -> None:
    registrations, limits, _ = stores
    registrations.lose(SUSPENDED, AT, NOW, UNTIL)

    assert not registrations.lose(SUSPENDED, AT, NOW + MINUTE, UNTIL + MINUTE)
    assert not registrations.lose(EXPIRED, AT - 1, NOW + MINUTE, UNTIL + MINUTE)
    assert not registrations.regain(ALL, AT, NOW + MINUTE)
    assert not registrations.regain(ALL, AT - 1, NOW + MINUTE)

    assert control(limits) == open_for(SUSPENDED)


def test_what_was_lost_before_it_came_back_and_is_reported_after_opens_nothing(stores: Stores) -> None:
    registrations, limits, _ = stores
    assert not registrations.regain(ALL, AT, NOW)

    assert not registrations.lose(SUSPENDED, AT - 1, NOW + 1, UNTIL)
    assert control(limits) == Control()

    assert registrations.lose(SUSPENDED, AT + 1, NOW + 2, UNTIL)
    assert control(limits) == open_for(SUSPENDED, since_ms=NOW + 2)


def test_a_registration_that_is_back_closes_the_breaker_and_leaves_a_pause(stores: Stores) -> None:
    registrations, limits, _ = stores
    limits.pause(START_MS, "lunch")
    registrations.lose(SUSPENDED, AT, NOW, UNTIL)

    assert registrations.regain([Lost.EXPIRED, Lost.SUSPENDED], AT + MINUTE, NOW + MINUTE)

    assert control(limits) == Control(
        paused_since_ms=START_MS,
        pause_reason="lunch",
        sound_ms=NOW + MINUTE,
        opened_ms=NOW,
        closed_ms=NOW + MINUTE,
    )
    assert not registrations.regain(ALL, AT + 2 * MINUTE, NOW + 2 * MINUTE)


def test_what_was_lost_in_another_way_stays_lost(stores: Stores) -> None:
    registrations, limits, _ = stores
    registrations.lose(SUSPENDED, AT, NOW, UNTIL)

    assert not registrations.regain([Lost.DORMANT, Lost.NUMBER_REMOVED], AT + 1, NOW + 1)
    assert control(limits) == open_for(SUSPENDED)

    assert registrations.regain([Lost.SUSPENDED], AT + 1, NOW + 1)


def test_it_may_be_lost_in_a_second_way_while_the_breaker_is_open(stores: Stores) -> None:
    registrations, limits, _ = stores
    registrations.lose(SUSPENDED, AT, NOW, UNTIL)

    assert not registrations.lose(EXPIRED, AT + 1, NOW + MINUTE, UNTIL + MINUTE)

    assert control(limits) == open_for(EXPIRED, UNTIL + MINUTE)


def test_a_longer_stop_is_not_ended_sooner_and_its_fault_keeps_the_breaker_open(stores: Stores) -> None:
    registrations, limits, _ = stores
    limits.open_breaker(START_MS, UNTIL + MINUTE, "40333 spend limit")

    assert not registrations.lose(SUSPENDED, AT, NOW, UNTIL)
    assert control(limits) == open_for(SUSPENDED, UNTIL + MINUTE, START_MS)

    # The try through the breaker is refused, for a fault of its own; then the registration is back.
    limits.open_breaker(NOW, UNTIL + 2 * MINUTE, "10009 bad key")
    assert control(limits) == open_for("10009 bad key", UNTIL + 2 * MINUTE, START_MS, SUSPENDED)
    assert not registrations.regain(ALL, AT + 1, NOW + 1)
    assert control(limits).breaker_reason == "10009 bad key"
    assert control(limits).registration_lost == ""


def test_a_provider_that_takes_texts_closes_it_only_if_we_are_registered(stores: Stores) -> None:
    registrations, limits, _ = stores
    registrations.lose(SUSPENDED, AT, NOW, UNTIL)
    limits.suspect("outage", THEIRS, NOW)

    limits.close_breaker(NOW + 1)

    found = control(limits)
    assert (found.breaker_until_ms, found.registration_lost, found.suspects) == (UNTIL, SUSPENDED, frozenset())

    limits.close_breaker(NOW + 2, registered=True)

    assert control(limits) == Control(sound_ms=NOW + 2, opened_ms=NOW, closed_ms=NOW + 2)
    # A later event is a new one.
    assert registrations.lose(SUSPENDED, AT + MINUTE, NOW + MINUTE, UNTIL + MINUTE)


def test_a_text_that_was_taken_without_a_registration_keeps_it_open(stores: Stores) -> None:
    registrations, limits, _ = stores
    registrations.lose(SUSPENDED, AT, NOW, UNTIL)
    assert limits.probe(UNTIL, UNTIL + 15_000, "m-1")

    registrations.still_lost(UNTIL + 50, UNTIL + 5 * MINUTE)
    assert control(limits) == open_for(SUSPENDED, UNTIL + 5 * MINUTE)

    # Never sooner; and after a refusal the registration is the reason again.
    registrations.still_lost(UNTIL + 60, UNTIL + MINUTE)
    assert control(limits) == open_for(SUSPENDED, UNTIL + 5 * MINUTE)
    limits.open_breaker(NOW, UNTIL + 6 * MINUTE, "http_502 Bad gateway")
    registrations.still_lost(NOW, UNTIL + 9 * MINUTE)
    assert control(limits) == open_for(SUSPENDED, UNTIL + 9 * MINUTE)


def test_once_it_is_back_no_text_that_was_under_way_opens_it_again(stores: Stores) -> None:
    registrations, limits, _ = stores
    registrations.lose(SUSPENDED, AT, NOW, UNTIL)
    registrations.regain(ALL, AT + 1, NOW + 1)
    closed = control(limits)

    registrations.still_lost(NOW + 2, UNTIL)

    assert control(limits) == closed


def test_answers_that_are_lost_change_nothing_of_that(dynamodb: "DynamoDBClient") -> None:
    table = create_table(dynamodb, "LimitsTable")
    registrations = DynamoRegistrations(dynamodb, table)
    limits = DynamoLimits(dynamodb, table, create_table(dynamodb, "MessagesTable"))
    with repeated(dynamodb, "UpdateItem"):
        assert registrations.lose(SUSPENDED, AT, NOW, UNTIL)
    assert control(limits) == open_for(SUSPENDED)
    with repeated(dynamodb, "UpdateItem"):
        registrations.still_lost(NOW, UNTIL + 1)
    assert control(limits) == open_for(SUSPENDED, UNTIL + 1)
    with repeated(dynamodb, "UpdateItem"):
        assert not registrations.lose(EXPIRED, AT + 1, NOW + 1, UNTIL)
    with repeated(dynamodb, "UpdateItem"):
        assert registrations.regain(ALL, AT + 2, NOW + 2)
    assert control(limits) == Control(sound_ms=NOW + 2, opened_ms=NOW, closed_ms=NOW + 2)

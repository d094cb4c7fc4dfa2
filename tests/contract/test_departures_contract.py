"""What every store of departures promises: in no period more texts leave to one recipient than may."""

import random
from typing import TYPE_CHECKING

import pytest

from longcode.aws.limits import DynamoLimits
from longcode.aws.recipient_limits import DynamoDepartures
from longcode.domain import pacing
from longcode.domain.gate import Limiter
from longcode.domain.recipient_limits import MARGIN_MS, parse
from longcode.use_cases.ports import Limits
from longcode.use_cases.recipient_store import Departures, Place
from tests.contract.repeats import repeated
from tests.contract.tables import create_table
from tests.support import interleave
from tests.support.fakes import FakeLimits
from tests.support.fakes.clock import START_MS
from tests.support.fakes.departures import FakeDepartures
from tests.support.fakes.examples import OURS, THEIRS
from tests.support.fakes.optouts import FakeOptOuts
from tests.support.interleave import Run, Trial

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

OTHER = "+12025550124"
MINUTE = 60_000
LIMITS = parse("2/min,3/h")
FIRST = START_MS + MARGIN_MS
type Stores = tuple[Departures, Limits]


@pytest.fixture(params=["fake", "dynamodb"])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "fake":
        limits = FakeLimits(FakeOptOuts())
        return FakeDepartures(limits), limits
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table = create_table(client, "LimitsTable")
    return DynamoDepartures(client, table), DynamoLimits(client, table, create_table(client, "MessagesTable"))


def take(departures: Departures, now_ms: int, **more: bool | int) -> Place:
    seen = departures.last([THEIRS]).get(THEIRS, ())
    return departures.take(THEIRS, LIMITS, now_ms, seen, **more)  # type: ignore[arg-type]


def test_a_departure_is_noted_and_the_gate_shows_it_beside_the_recipients_rate(stores: Stores) -> None:
    departures, limits = stores
    limits.reserve(pacing.recipient_key(THEIRS), 1, 1_000, START_MS)
    assert departures.last([THEIRS, OTHER]) == {}

    assert take(departures, START_MS) == Place(FIRST, (FIRST,))

    assert departures.last([THEIRS, OTHER]) == {THEIRS: (FIRST,)}
    assert departures.last([]) == {}
    assert limits.read_gate(THEIRS, OURS).recipient == Limiter(START_MS + 1_000, departures=(FIRST,))
    assert limits.read_gate(OTHER, OURS).recipient == Limiter()


def test_where_there_is_no_room_nothing_is_noted_until_there_is(stores: Stores) -> None:
    departures, _ = stores
    two = (FIRST, FIRST + 1)
    take(departures, START_MS)
    assert take(departures, START_MS) == Place(FIRST + 1, two)

    assert take(departures, START_MS + 1) == Place(None, two)
    assert take(departures, FIRST + MINUTE - 1) == Place(None, two)
    third = FIRST + MINUTE + MARGIN_MS
    assert take(departures, FIRST + MINUTE) == Place(third, (*two, third))
    assert take(departures, FIRST + 59 * MINUTE) == Place(None, (*two, third))


def test_what_was_seen_may_be_old(stores: Stores) -> None:
    departures, _ = stores
    take(departures, START_MS)

    # Two have left since: who saw none finds that out.
    assert departures.take(THEIRS, LIMITS, START_MS, ()) == Place(FIRST + 1, (FIRST, FIRST + 1))
    assert departures.take(THEIRS, LIMITS, START_MS, ()) == Place(None, (FIRST, FIRST + 1))
    assert departures.take(THEIRS, LIMITS, START_MS, (FIRST,)) == Place(None, (FIRST, FIRST + 1))
    # Who saw no room asks no further.
    departures.give_back(THEIRS, FIRST)
    assert departures.take(THEIRS, LIMITS, START_MS, (FIRST, FIRST + 1)) == Place(None, (FIRST, FIRST + 1))
    assert departures.last([THEIRS]) == {THEIRS: (FIRST + 1,)}


def test_a_place_that_is_given_back_is_anothers(stores: Stores) -> None:
    departures, limits = stores
    take(departures, START_MS)
    departures.give_back(THEIRS, FIRST)
    assert departures.last([THEIRS]) == {}
    assert limits.read_gate(THEIRS, OURS).recipient == Limiter()

    # Once only, and no other one.
    take(departures, START_MS)
    take(departures, START_MS)
    departures.give_back(THEIRS, FIRST)
    departures.give_back(THEIRS, FIRST)
    assert departures.last([THEIRS]) == {THEIRS: (FIRST + 1,)}
    departures.give_back(OTHER, FIRST)
    assert departures.last([OTHER]) == {}


def test_a_text_that_left_late_is_noted_for_when_it_left(stores: Stores) -> None:
    departures, _ = stores
    take(departures, START_MS)
    take(departures, START_MS)

    departures.move(THEIRS, LIMITS, FIRST, FIRST + 14_000)

    assert departures.last([THEIRS]) == {THEIRS: (FIRST + 1, FIRST + 14_000)}
    # Also where its place is gone by then.
    departures.move(THEIRS, LIMITS, FIRST, FIRST + 15_000)
    assert departures.last([THEIRS]) == {THEIRS: (FIRST + 1, FIRST + 14_000, FIRST + 15_000)}


def test_a_text_that_takes_another_place_gives_up_its_own_also_where_there_is_none(stores: Stores) -> None:
    departures, _ = stores
    take(departures, START_MS)
    take(departures, START_MS)
    later = START_MS + 5_000

    assert take(departures, later, instead_of=FIRST) == Place(later + MARGIN_MS, (FIRST + 1, later + MARGIN_MS))
    third = take(departures, later + 2 * MINUTE)
    assert third.at_ms
    assert take(departures, later + 3 * MINUTE, instead_of=FIRST) == Place(None, third.departures)
    assert take(departures, later + 59 * MINUTE, instead_of=third.at_ms).at_ms == later + 59 * MINUTE + MARGIN_MS


def test_what_leaves_at_any_rate_is_noted_and_the_next_wait_for_it(stores: Stores) -> None:
    departures, _ = stores
    take(departures, START_MS)
    take(departures, START_MS)

    late = take(departures, START_MS + 30_000, at_any_rate=True)

    assert late == Place(FIRST + 30_000, (FIRST, FIRST + 1, FIRST + 30_000))
    assert take(departures, FIRST + MINUTE).at_ms is None


def test_of_64_callers_at_once_as_many_get_a_place_as_there_are_and_none_is_lost(stores: Stores) -> None:
    departures, _ = stores
    limits = parse("5/15min,20/day")
    recipient = f"+1202555{random.Random(64).randint(0, 9999):04}"

    def make() -> Trial:
        jobs = [lambda: departures.take(recipient, limits, START_MS, ()) for _ in range(64)]

        def check(run: Run) -> None:
            places = [place.at_ms for place in run.returned if isinstance(place, Place) and place.at_ms]
            assert sorted(places) == list(departures.last([recipient])[recipient])
            assert len(places) == 5

        return jobs, check

    client = departures._table.client if isinstance(departures, DynamoDepartures) else None
    if client is None:
        interleave.sample(make, 1, seed=2026)
    else:
        with interleave.stopping(client):
            interleave.sample(make, 1, seed=2026)


def test_every_order_of_two_that_take_one_that_gives_back_and_one_that_is_late_keeps_to_the_limit() -> None:
    limits = parse("2/min")

    def make() -> Trial:
        departures = FakeDepartures(FakeLimits(FakeOptOuts()))
        first = departures.take(THEIRS, limits, START_MS, ()).at_ms
        assert first
        jobs = [
            lambda: departures.take(THEIRS, limits, START_MS + 1, (first,)),
            lambda: departures.take(THEIRS, limits, START_MS + 2, (first,)),
            lambda: departures.give_back(THEIRS, first),
        ]

        def check(run: Run) -> None:
            taken = [place.at_ms for place in run.returned if isinstance(place, Place) and place.at_ms]
            assert 1 <= len(taken) <= 2
            assert departures.last([THEIRS]) == {THEIRS: tuple(sorted(taken))}

        return jobs, check

    assert interleave.every(make) >= 6


def test_a_lost_answer_takes_one_place_and_gives_one_back(dynamodb: "DynamoDBClient") -> None:
    departures = DynamoDepartures(dynamodb, create_table(dynamodb, "LimitsTable"))
    for number in (1, 2):
        with repeated(dynamodb, "UpdateItem") as done:
            place = departures.take(THEIRS, LIMITS, START_MS, departures.last([THEIRS]).get(THEIRS, ()))
        assert (done, len(place.departures)) == (["UpdateItem"], number)
        assert departures.last([THEIRS]) == {THEIRS: place.departures}

    with repeated(dynamodb, "UpdateItem") as done:
        departures.move(THEIRS, LIMITS, FIRST, FIRST + 9_000)
    assert (done, departures.last([THEIRS])) == (["UpdateItem"], {THEIRS: (FIRST + 1, FIRST + 9_000)})
    with repeated(dynamodb, "UpdateItem") as done:
        departures.give_back(THEIRS, FIRST + 1)
    assert (done, departures.last([THEIRS])) == (["UpdateItem"], {THEIRS: (FIRST + 9_000,)})

"""A status only moves forward; what a receipt may replace; ids and times."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain.errors import IdempotencyMismatch
from longcode.domain.message import (
    epoch_ms,
    fingerprint,
    is_message_id,
    iso,
    may_be_known,
    message_id,
    same_request,
)
from longcode.domain.status import Status, receipt_ceiling
from tests.chance import showing
from tests.support.fakes.examples import make_message

BY_RECEIPT = [
    Status.SENT,
    Status.DELIVERY_UNCONFIRMED,
    Status.SENDING_FAILED,
    Status.EXPIRED,
    Status.DELIVERY_FAILED,
    Status.DELIVERED,
]
FINAL = BY_RECEIPT[1:]


def after(receipts: list[Status], start: Status = Status.SUBMITTED) -> Status:
    """The status that a message ends in, by the rule that the store's write enforces."""
    status = start
    for receipt in receipts:
        if status.rank < receipt_ceiling(receipt):
            status = receipt
    return status


def test_the_ranks_are_those_of_the_design() -> None:
    assert [status.value for status in sorted(Status, key=lambda status: status.rank)][:15] == [
        "held", "queued", "sending", "unknown", "submitted", "sent", "failed", "suppressed", "cancelled",
        "expired_unsent", "delivery_unconfirmed", "sending_failed", "expired", "delivery_failed", "delivered",
    ]  # fmt: skip
    assert [status.rank for status in (Status.QUEUED, Status.SENDING, Status.UNKNOWN)] == [10, 30, 35]
    assert [status.rank for status in (Status.SUBMITTED, Status.SENT, Status.DELIVERED)] == [40, 50, 90]


def test_a_message_waits_or_is_under_way_or_has_ended() -> None:
    under_way = (Status.SENDING, Status.UNKNOWN, Status.SUBMITTED, Status.SENT)

    assert [status for status in Status if status.waiting + (status in under_way) + status.final != 1] == []


@given(st.lists(st.sampled_from(BY_RECEIPT), max_size=8), st.lists(st.sampled_from(BY_RECEIPT), max_size=8))
def test_a_receipt_never_takes_a_status_back(first: list[Status], then: list[Status]) -> None:
    assert after(then, after(first)).rank >= after(first).rank


@pytest.mark.parametrize("final", [Status.DELIVERED, Status.DELIVERY_FAILED])
@given(noise=st.permutations([Status.SENT, Status.SENT, Status.DELIVERY_UNCONFIRMED]), place=st.integers(0, 3))
def test_sent_unconfirmed_and_the_news_of_the_delivery_end_the_same_in_any_order(
    final: Status, noise: list[Status], place: int
) -> None:
    assert after([*noise[:place], final, *noise[place:]]) is final


def test_sent_and_one_final_receipt_end_the_same_in_any_order() -> None:
    for final in FINAL:
        orders = itertools.permutations([Status.SENT, final, final])
        assert {after(list(order)) for order in orders} == {final}


def test_the_first_final_receipt_stays_unless_it_was_unconfirmed() -> None:
    pairs = [pair for pair in itertools.permutations(FINAL, 2) if pair[0] is not FINAL[0]]

    assert [pair for pair in pairs if after(list(pair)) is not pair[0]] == []


def test_only_news_of_the_delivery_itself_replaces_an_unconfirmed_one() -> None:
    for late in (Status.SENDING_FAILED, Status.EXPIRED):
        assert after([Status.DELIVERY_UNCONFIRMED, late]) is Status.DELIVERY_UNCONFIRMED


def test_any_receipt_moves_what_is_under_way() -> None:
    starts = (Status.QUEUED, Status.SENDING, Status.UNKNOWN, Status.SUBMITTED)
    moves = [(start, receipt) for start in starts for receipt in BY_RECEIPT]

    assert [move for move in moves if after([move[1]], move[0]) is not move[1]] == []


# ------------------------------------------------------------------------------------------------- ids


@given(st.text(max_size=20), st.text(min_size=1, max_size=50))
def test_an_idempotency_key_always_leads_to_the_same_id(caller: str, key: str) -> None:
    assert message_id(caller, key) == message_id(caller, key)
    assert is_message_id(message_id(caller, key))


def test_the_key_of_one_caller_is_none_of_another() -> None:
    assert message_id("a", "k") != message_id("b", "k")
    assert message_id("a", "k") != message_id("a", "K")


def test_without_a_key_every_id_is_fresh() -> None:
    assert len({message_id("a", None) for _ in range(100)}) == 100


NO_IDS = [
    "",
    "1",
    "message",
    "40385f6457174562b3fc2c963f66afa6",
    "{40385f64-5717-4562-b3fc-2c963f66afa6}",
    "urn:uuid:40385f64-5717-4562-b3fc-2c963f66afa6",
    "40385f64-5717-4562-b3fc-2c963f66afa",
    "40385f64-5717-4562-b3fc-2c963f66afa6 ",
    "40385f64-5717-4562-b3fc-2c963f66afag",
    "../40385f64-5717-4562-b3fc-2c963f66afa6",
]


def test_a_uuid_is_an_id() -> None:
    assert is_message_id("40385f64-5717-4562-b3fc-2c963f66afa6")
    assert is_message_id("40385F64-5717-4562-B3FC-2C963F66AFA6")


def test_anything_else_is_no_id() -> None:
    assert [text for text in NO_IDS if is_message_id(text)] == []


def test_only_an_id_made_of_a_key_may_be_known_before() -> None:
    assert may_be_known(message_id("caller", "key"))
    assert not may_be_known(message_id("caller", None))


# -------------------------------------------------------------------------------------- the same request


def test_a_repeated_request_is_the_same_one_whatever_the_order_of_its_metadata() -> None:
    assert fingerprint("send", "+12025550123", "Hi", {"a": "1", "b": "2"}) == fingerprint(
        "send", "+12025550123", "Hi", {"b": "2", "a": "1"}
    )


def test_a_request_differs_by_route_recipient_text_and_metadata() -> None:
    requests = [
        ("send", "+12025550123", "Hi", {}),
        ("queue", "+12025550123", "Hi", {}),
        ("send", "+12025550124", "Hi", {}),
        ("send", "+12025550123", "Hi ", {}),
        ("send", "+12025550123", "Hi", {"a": "1"}),
        ("send", "+12025550123", "Hi", {"a": "2"}),
    ]

    assert len({fingerprint(*request) for request in requests}) == len(requests)


def test_another_request_under_the_same_id_is_refused() -> None:
    message = make_message()
    other = make_message(id=message.id, text="Another text.")

    assert same_request(message, message) is message
    with pytest.raises(IdempotencyMismatch):
        same_request(message, other)


# ------------------------------------------------------------------------------------------------ times


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_survives_the_way_to_text_and_back(at_ms: int) -> None:
    assert epoch_ms(iso(at_ms)) == at_ms


@given(st.integers(0, 4_000_000_000_000), st.integers(0, 4_000_000_000_000))
def test_times_sort_as_text(one: int, other: int) -> None:
    assert (iso(one) < iso(other)) == (one < other)


def test_the_providers_times_are_read() -> None:
    cases: list[tuple[str | None, int | None]] = [
        ("2023-11-14T22:13:20.000Z", 1_700_000_000_000),
        ("2023-11-14T22:13:20+00:00", 1_700_000_000_000),
        ("2023-11-14T23:13:20.500+01:00", 1_700_000_000_500),
        ("2023-11-14T22:13:20", 1_700_000_000_000),
        ("yesterday", None),
        ("", None),
        (None, None),
    ]
    for text, at_ms in cases:
        with showing((text, at_ms)):
            assert epoch_ms(text) == at_ms

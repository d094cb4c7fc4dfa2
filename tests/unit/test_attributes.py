"""Our typing of items against boto3's: the same for all that this service stores."""

from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from longcode.aws.attributes import typed, untyped

# DynamoDB's numbers: 38 digits, up to 10^126.
NUMBERS = st.integers(-(10**37), 10**37) | st.decimals(
    min_value=-(10**20), max_value=10**20, places=6, allow_nan=False, allow_infinity=False
)
PLAIN = st.none() | st.booleans() | NUMBERS | st.text()
VALUES = st.recursive(
    PLAIN | st.sets(st.text(), min_size=1),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def sorted_sets(value: Any) -> Any:
    """A typed value with its sets in one order: they have none."""
    if isinstance(value, dict):
        return {name: sorted(inner) if name == "SS" else sorted_sets(inner) for name, inner in value.items()}
    return [sorted_sets(inner) for inner in value] if isinstance(value, list) else value


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(VALUES)
def test_a_value_is_typed_as_boto3_types_it(value: Any) -> None:
    assert sorted_sets(typed(value)) == sorted_sets(TypeSerializer().serialize(value))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(VALUES)
def test_a_typed_value_is_read_as_boto3_reads_it(value: Any) -> None:
    written = TypeSerializer().serialize(value)

    assert untyped(written) == TypeDeserializer().deserialize(written)


def test_a_member_of_an_enumeration_is_written_as_its_text() -> None:
    class Word(StrEnum):
        YES = "yes"

    assert typed(Word.YES) == {"S": "yes"}
    assert type(typed(Word.YES)["S"]) is str


def test_a_number_is_read_exactly() -> None:
    assert untyped({"N": "0.0051"}) == Decimal("0.0051")


@pytest.mark.parametrize("value", [0.5, object(), {1, 2}, b"x"])
def test_what_no_item_of_ours_holds_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        typed(value)


@pytest.mark.parametrize("value", [{"B": b"x"}, {"NS": ["1"]}])
def test_a_type_that_no_item_of_ours_has_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        untyped(value)

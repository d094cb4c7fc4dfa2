"""Permissions of the emulator are those of AWS."""

import pytest

from local.emulator_main import permission


@pytest.mark.parametrize(
    ("target", "action", "expected"),
    [
        ("AmazonSQS.ChangeMessageVisibilityBatch", "ChangeMessageVisibilityBatch", "ChangeMessageVisibility"),
        ("AmazonSQS.SendMessage", "SendMessage", "SendMessage"),
        # Elsewhere a batch is a permission of its own.
        ("SomethingElse.StartBatch", "StartBatch", "StartBatch"),
        ("", None, None),
    ],
)
def test_a_batch_of_sqs_calls_needs_the_permission_of_one(
    target: str, action: str | None, expected: str | None
) -> None:
    assert permission({"x-amz-target": target}, action) == expected

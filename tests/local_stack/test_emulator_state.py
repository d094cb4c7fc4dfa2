"""What the emulator keeps from one start to the next, where it must not keep all of it."""

import json
from pathlib import Path

import pytest

from devtools.local_stack.emulator import forget_stream_positions


def test_how_far_a_stream_was_read_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    state = tmp_path / "lambda.json"
    positions = {"__type__": "scoped", "data": [["mapping", 42]]}
    payload = {"functions": ["one"], "esms": ["two"], "dynamodb_stream_positions": positions}
    state.write_text(json.dumps({"__ministack_format__": 2, "payload": payload}))

    forget_stream_positions(state)

    assert json.loads(state.read_text()) == {
        "__ministack_format__": 2,
        "payload": {"functions": ["one"], "esms": ["two"]},
    }


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"payload": null}', '{"payload": {"esms": []}}'])
def test_a_state_that_knows_no_positions_stays_as_it_is(tmp_path: Path, content: str | None) -> None:
    state = tmp_path / "lambda.json"
    if content is not None:
        state.write_text(content)

    forget_stream_positions(state)

    assert (state.read_text() if state.exists() else None) == content

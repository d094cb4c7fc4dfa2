"""The process that calls a function again and again: AWS's answers are given as they came."""

import sys
import types
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from bench import warm, warm_child

pytestmark = pytest.mark.slow

ANSWERS = {"a": b'{"Item": {"pk": {"S": "a"}}}', "b": b'{"Item": {"pk": {"S": "b"}}}'}


def client() -> Any:
    """A client whose connections end here; `asked` has the key of each request that left."""
    made: Any = botocore.session.get_session().create_client(
        "dynamodb", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    made.asked = []

    def send(request: Any) -> Any:
        key = warm_child._keys(request.body)
        made.asked.append(key)
        answer: Any = AWSResponse(request.url, 200, HTTPHeaders(), None)
        answer._content = ANSWERS[key]
        return answer

    made._endpoint.http_session.send = send
    return made


def test_an_answer_is_given_again_by_its_key_and_without_a_network() -> None:
    tables, tape = client(), warm_child.Tape()
    tape.watch(tables)
    for key in ("a", "b"):
        tables.get_item(TableName="t", Key={"pk": {"S": key}})
    tape.playing = True

    found = [tables.get_item(TableName="t", Key={"pk": {"S": key}})["Item"]["pk"]["S"] for key in ("b", "a", "b")]

    assert found == ["b", "a", "b"]
    assert tables.asked == ["a", "b"]
    assert [name for _, name, _ in tape.calls] == ["GetItem", "GetItem"]


def test_the_bare_handler_makes_the_same_calls() -> None:
    tables, tape = client(), warm_child.Tape()
    tape.watch(tables)
    tables.get_item(TableName="t", Key={"pk": {"S": "a"}})

    warm_child.bare(tape)("{}")

    assert tables.asked == ["a", "a"]


def test_memory_that_a_function_keeps_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[bytes] = []

    def leaks(_event: Any, _context: Any) -> dict[str, int]:
        # Far more than what earlier tests of this process have freed.
        kept.append(b"x" * 60_000)
        return {"statusCode": 200}

    found = [_grown(monkeypatch, handler) for handler in (leaks, lambda _event, _context: {"statusCode": 200})]

    assert found[0] > 10
    assert found[1] < 1


def _grown(monkeypatch: pytest.MonkeyPatch, handler: Any) -> float:
    module = types.ModuleType("app")
    module.__dict__["lambda_handler"] = handler
    monkeypatch.setitem(sys.modules, "app", module)
    monkeypatch.setattr(botocore.session.Session, "create_client", botocore.session.Session.create_client)
    job = {"event": "{}", "rounds": 0, "block": 1, "warm_up": 20, "walls": [], "wall_rounds": 0, "growth": 1000}
    result = warm_child.main(job)
    kept = {name: result[name] for name in result if name not in ("first", "second", "last")}
    grown = warm.Warm("one", 256, **kept).grown_mb
    assert grown is not None
    return grown


def test_the_child_imports_nothing_of_the_benchmark() -> None:
    source = Path(warm_child.__file__).read_text()

    assert "import bench" not in source
    assert "from bench" not in source

"""Requests and queue messages that are wrong in form, on the deployed stack."""

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from devtools.local_stack.layout import Stack
from longcode.aws.messages import DynamoMessages
from longcode.aws.queue import body
from tests.stack.world import paced
from tests.support.fakes.examples import make_message

pytestmark = [pytest.mark.stack, pytest.mark.enable_socket]

NUMBER, OPTED_OUT, PACED = "+12055550190", "+12055550191", "+12055550192"
GOOD = json.dumps({"to": NUMBER, "message": "Hi"})
TWICE = f'{{"to": "{NUMBER}", "message": "Hi", "message": "Ho"}}'


def _text(message: str, **metadata: str) -> str:
    return json.dumps({"to": NUMBER, "message": message, "metadata": metadata})


# (what is wrong, further headers, the body, the field that the answer names)
REFUSED: list[tuple[str, list[tuple[str, str]], str | bytes, str | None]] = [
    ("a byte-order mark", [], b"\xef\xbb\xbf" + GOOD.encode(), None),
    ("a key twice", [], TWICE, "message"),
    ("two idempotency keys", [("Idempotency-Key", "a"), ("Idempotency-Key", "b")], GOOD, "Idempotency-Key"),
    ("nothing to see", [], _text("\u200b\u2060"), "message"),
    ("only fillers", [], _text("\u3164"), "message"),
    ("NUL", [], _text("Hi\0"), "message"),
    ("Latin-1, not declared", [], '{"to": "+12055550190", "message": "Grüße"}'.encode("latin-1"), "message"),
    ("Latin-1", [("Content-Type", "application/json; charset=iso-8859-1")], GOOD, "Content-Type"),
    ("packed", [("Content-Encoding", "gzip")], GOOD, "Content-Encoding"),
    ("a tag of a no-break space", [], _text("Hi", tag="\u00a0"), "metadata.tag"),
    ("a tag with a word joiner", [], _text("Hi", tag="a\u2060b"), "metadata.tag"),
]


@pytest.mark.parametrize("route", ["/sms/send", "/sms/queue"])
def test_a_request_that_is_wrong_in_form_is_refused_by_name_and_nothing_is_stored(
    api: httpx.Client, route: str
) -> None:
    for what, headers, content, field in REFUSED:
        answer = api.post(route, content=content, headers=headers)

        fields = answer.json()
        assert (answer.status_code, fields["code"], fields.get("field")) == (400, "invalid_request", field), what
        assert "byte-order mark" in fields["error"] or field, what
    assert api.get("/sms/messages", params={"to": NUMBER}).json()["messages"] == []


def test_a_slash_at_the_end_is_served_or_not_found(api: httpx.Client) -> None:
    for method, path in (
        ("POST", "/sms/send/"),
        ("POST", "/sms/queue/"),
        ("GET", "/sms/messages/"),
        ("GET", "/sms/optouts/"),
        ("GET", "/health/"),
        ("POST", "/sms//queue"),
        ("POST", "/webhooks/message/"),
    ):
        answer = api.request(method, path, content="{}" if method == "POST" else None)

        # Served: what an empty request, or an unsigned one, gets.
        assert answer.status_code in (200, 400, 401, 404), (method, path)


def test_a_method_that_no_route_has_is_refused_in_our_error_shape(api: httpx.Client) -> None:
    for method in ("HEAD", "OPTIONS", "TRACE", "PATCH"):
        for path in ("/health", "/sms/queue", "/sms/nothing"):
            answer = api.request(method, path)

            assert answer.status_code in (404, 405), (method, path)
            assert method == "HEAD" or answer.json()["code"] in ("not_found", "method_not_allowed"), (method, path)


def test_a_tag_that_joins_characters_is_found(api: httpx.Client, eventually: Callable[..., Any]) -> None:
    tag = "\U0001f468\u200d\U0001f469 a\u00a0b"
    taken = api.post("/sms/queue", json={"to": "+12055550193", "message": "Hi", "metadata": {"tag": tag}})

    assert taken.status_code == 202
    found = eventually(lambda: api.get("/sms/messages", params={"tag": tag}).json()["messages"])
    assert [row["message_id"] for row in found] == [taken.json()["message_id"]]
    eventually(lambda: api.get(f"/sms/tags/{tag}").json()["total"] == 1)


# ------------------------------------------------------------------------------- queue messages without a group


def _store(stack: Stack, aws: Callable[[str], Any], number: str, count: int) -> list[str]:
    """Texts that wait in the table, and of which the queue knows nothing."""
    messages = DynamoMessages(aws("dynamodb"), stack.messages_table, retention_days=90, validity_minutes=60)
    now_ms = time.time_ns() // 1_000_000
    made = [
        make_message(
            sender=stack.from_number,
            recipient=number,
            accepted_ms=now_ms + place,
            updated_ms=now_ms + place,
            webhook_url="",
        )
        for place in range(count)
    ]
    for message in made:
        assert messages.accept(message) is None
    return [message.id for message in made]


def _consume(stack: Stack, aws: Callable[[str], Any], ids: list[str]) -> Any:
    """Give the consumer a batch of queue messages that lack their group attribute."""
    records = [
        {
            "messageId": f"no-group-{ident}",
            "receiptHandle": ident,
            "body": body(ident),
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": str(time.time_ns() // 1_000_000)},
            "eventSource": "aws:sqs",
        }
        for ident in ids
    ]
    answer = aws("lambda").invoke(
        FunctionName=stack.functions["consumer"], Payload=json.dumps({"Records": records})
    )
    assert "FunctionError" not in answer
    return json.loads(answer["Payload"].read())


def _requests(provider: httpx.Client, number: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = provider.get("/_provider/requests", params={"to": number}).json()["requests"]
    return rows


def test_texts_whose_queue_messages_lack_their_group_keep_their_recipients_pace(
    stack: Stack, aws: Callable[[str], Any], provider: httpx.Client, eventually: Callable[..., Any]
) -> None:
    ids = _store(stack, aws, PACED, 3)
    left = list(ids)

    def all_done() -> bool:
        # What has to wait comes again, as the queue would bring it.
        failed = [row["itemIdentifier"] for row in _consume(stack, aws, left)["batchItemFailures"]]
        left[:] = [ident for ident in left if f"no-group-{ident}" in failed]
        return not left

    eventually(all_done)

    rows = _requests(provider, PACED)
    assert [row["idempotency_key"] for row in rows] == ids
    assert paced(row["arrived_ms"] for row in rows)


def test_a_text_whose_queue_message_lacks_its_group_is_held_to_its_recipients_opt_out(
    stack: Stack, api: httpx.Client, aws: Callable[[str], Any], provider: httpx.Client
) -> None:
    (ident,) = _store(stack, aws, OPTED_OUT, 1)
    assert api.put(f"/sms/optouts/{OPTED_OUT}").status_code == 200

    answer = _consume(stack, aws, [ident])

    assert _requests(provider, OPTED_OUT) == []
    assert api.get(f"/sms/status/{ident}").json()["status"] == "suppressed"
    assert answer == {"batchItemFailures": []}

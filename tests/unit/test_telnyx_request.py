"""The request that asks Telnyx for a text."""

import json

from hypothesis import given
from hypothesis import strategies as st

from longcode.telnyx import protocol
from tests.support.fakes.examples import TELNYX_ID, make_message
from tests.unit.telnyx_events import NOW, OUR_ID


def test_a_request_is_these_very_bytes() -> None:
    message = make_message(id=OUR_ID, text='Grüße, 👋 "quoted" \\ and\nmore')

    assert protocol.request_body(message) == (
        b'{"from":"+12025550100","text":"Gr\xc3\xbc\xc3\x9fe, \xf0\x9f\x91\x8b \\"quoted\\" \\\\ and\\nmore",'
        b'"to":"+12025550123","webhook_url":"https://example.com/webhooks/message/'
        b'5d8b5a4e-4f5c-4f0e-9f43-0d7f4dbd8a11"}'
    )


def test_without_a_public_address_the_profiles_own_webhooks_are_used() -> None:
    assert b"webhook_url" not in protocol.request_body(make_message(webhook_url=""))


@given(st.text(min_size=1, max_size=200))
def test_a_request_is_the_same_bytes_whatever_happened_to_the_message_since(text: str) -> None:
    message = make_message(id=OUR_ID, text=text)
    later = make_message(
        id=OUR_ID,
        text=text,
        attempts=3,
        claim_id="c",
        telnyx_id=TELNYX_ID,
        metadata={"x": "y"},
        updated_ms=NOW + 9,
    )

    assert protocol.request_body(message) == protocol.request_body(later)
    assert json.loads(protocol.request_body(message))["text"] == text

"""Verifying signed events, with the signatures of `standardwebhooks`, which others wrote."""

import base64
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from longcode.client.webhooks import TOLERANCE_S, InvalidEvent, InvalidSignature, WebhookError, verify
from tests.chance import showing

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
NOW = 1_795_000_000
ID = "29efcf06-587f-492c-bf0e-13127c1a0bc3"
EVENT = {
    "type": "sms.received",
    "timestamp": "2026-11-23T15:48:14.156Z",
    "data": {"version": 1, "from": "+12025550123"},
}
BODY = json.dumps(EVENT).encode()


def signed(body: bytes = BODY, at: int = NOW, ident: str = ID, secret: str = SECRET) -> dict[str, str]:
    signature = Webhook(secret).sign(ident, datetime.fromtimestamp(at, UTC), body.decode())
    return {"webhook-id": ident, "webhook-timestamp": str(at), "webhook-signature": signature}


def test_an_event_that_another_library_signed_is_read() -> None:
    event = verify(SECRET, signed(), BODY, NOW)
    assert (event.id, event.type, event.data) == (ID, "sms.received", EVENT["data"])
    assert event.timestamp == datetime(2026, 11, 23, 15, 48, 14, 156_000, UTC)
    shouted = {name.upper(): value for name, value in signed().items()}
    assert verify(SECRET, shouted, BODY, NOW) == event
    # And so it is where the library verifies, which looks at the clock itself.
    at = int(datetime.now(UTC).timestamp())
    assert Webhook(SECRET).verify(BODY.decode(), signed(at=at)) == EVENT
    assert verify(SECRET, signed(at=at), BODY).id == ID


def test_one_of_several_signatures_or_secrets_is_enough() -> None:
    ours, theirs = signed()["webhook-signature"], signed(secret=OTHER)["webhook-signature"]
    for signatures, secrets in (
        (f"{theirs} {ours}", SECRET),
        (f"{ours} {theirs}", SECRET),
        (f"v2,abc v1a,{'x' * 44} {ours}", SECRET),
        (ours, [OTHER, SECRET]),
        (theirs, (OTHER, SECRET)),
    ):
        with showing(signatures):
            assert verify(secrets, signed() | {"webhook-signature": signatures}, BODY, NOW).id == ID


def test_what_is_not_signed_with_the_secret_is_refused() -> None:
    good = signed()
    value = good["webhook-signature"].removeprefix("v1,")
    cases: dict[str, tuple[dict[str, str], bytes]] = {
        "another secret": (signed(secret=OTHER), BODY),
        "another body": (good, BODY + b" "),
        "another id": (good | {"webhook-id": "other"}, BODY),
        "another time": (good | {"webhook-timestamp": str(NOW + 1)}, BODY),
        "no version": (good | {"webhook-signature": value}, BODY),
        "another version": (good | {"webhook-signature": f"v2,{value}"}, BODY),
        "half of it": (good | {"webhook-signature": f"v1,{value[:20]}"}, BODY),
        "an empty one": (good | {"webhook-signature": "v1,"}, BODY),
        "no ASCII": (good | {"webhook-signature": "v1,\N{EURO SIGN}\udc80"}, BODY),
        "signed without an id": (signed(ident="") | {"webhook-id": ""}, BODY),
        **{f"no {name}": ({one: good[one] for one in good if one != name}, BODY) for name in good},
    }
    for name, (headers, body) in cases.items():
        with showing(name), pytest.raises(InvalidSignature):
            verify(SECRET, headers, body, NOW)


def test_it_must_be_of_the_last_five_minutes() -> None:
    for off in (-TOLERANCE_S, 0, TOLERANCE_S):
        with showing(str(off)):
            assert verify(SECRET, signed(at=NOW - off), BODY, NOW).id == ID
    for off in (-TOLERANCE_S - 1, TOLERANCE_S + 1):
        with showing(str(off)), pytest.raises(InvalidSignature, match="five minutes"):
            verify(SECRET, signed(at=NOW - off), BODY, NOW)
    for stamp in ("", "now", "-5", "1.5", "9" * 5_000, "\N{ARABIC-INDIC DIGIT ONE}", " 1795000000"):
        with showing(stamp[:20]), pytest.raises(InvalidSignature, match="webhook-timestamp"):
            verify(SECRET, signed() | {"webhook-timestamp": stamp}, BODY, NOW)


def test_what_is_signed_and_no_event_is_refused() -> None:
    odd: list[dict[str, object]] = [{"timestamp": "2026-11-23", "type": "a"}, {"data": {}}]
    odd += [{"timestamp": at, "type": "a", "data": {}} for at in ("soon", 5, None)]
    for body in (b"", b"[]", b"{", b'"x"', *(json.dumps(one).encode() for one in odd)):
        with showing(repr(body)), pytest.raises(InvalidEvent):
            verify(SECRET, signed(body), body, NOW)


def test_a_secret_that_is_none_is_an_error_of_the_program() -> None:
    for secret in ("", "whsec_", "whsec_c2hvcnQ=", "whsec_???", [], ["whsec_"]):
        with showing(str(secret)), pytest.raises(ValueError, match=r"[Ss]ecret") as refused:
            verify(secret, signed(), BODY, NOW)
        assert not isinstance(refused.value, WebhookError)


def test_signatures_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    real = hmac.compare_digest

    def compare(one: bytes, other: bytes) -> bool:
        compared.append(other)
        return real(one, other)

    monkeypatch.setattr(hmac, "compare_digest", compare)
    headers = signed() | {"webhook-signature": f"{signed()['webhook-signature']} v1,abc v1,def"}
    verify(SECRET, headers, BODY, NOW)
    # The first fits, and the others are looked at all the same.
    assert compared[1:] == [b"abc", b"def"]


@given(
    st.dictionaries(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]), st.text()),
    st.binary(),
)
def test_whatever_comes_is_refused_in_one_way(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookError):
        verify(SECRET, headers, body, NOW)

"""Whether a webhook is the provider's: where it came from, and whether it was signed just now.

The vectors are made here, with PyNaCl itself.
"""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from longcode.domain.errors import SignatureRefused
from longcode.telnyx import signature, webhook_settings
from tests.chance import showing
from tests.support.fakes.clock import START_MS

NOW = START_MS
NOW_S = NOW // 1000
KEY = SigningKey(b"0123456789abcdef0123456789abcdef")
OTHER = SigningKey(b"another key, that is not trusted")
BODY = '{"data":{"id":"e-1","text":"héllo 👋"}}'.encode()
TRUSTED = (webhook_settings.public_key(base64.b64encode(bytes(KEY.verify_key)).decode()),)


def signed(
    body: bytes = BODY, timestamp: object = NOW_S, key: SigningKey = KEY, separator: bytes = b"|"
) -> dict[str, str]:
    text = str(timestamp)
    signature = key.sign(text.encode() + separator + body).signature
    return {
        "telnyx-timestamp": text,
        "telnyx-signature-ed25519": base64.b64encode(signature).decode(),
    }


def accepts(headers: dict[str, str], body: bytes = BODY, keys: object = TRUSTED) -> bool:
    try:
        signature.verify(keys, headers, body, NOW)  # type: ignore[arg-type]
    except SignatureRefused:
        return False
    return True


def test_a_webhook_of_the_provider_is_accepted() -> None:
    assert accepts(signed())


@pytest.mark.parametrize(
    "name",
    [str.upper, str.title, str.lower, lambda text: text.replace("telnyx", "TelNYX")],
    ids=["upper", "title", "lower", "mixed"],
)
def test_header_names_may_come_in_any_case(name: object) -> None:
    headers = {name(header): value for header, value in signed().items()}  # type: ignore[operator]

    assert accepts(headers)


@pytest.mark.parametrize("missing", ["telnyx-timestamp", "telnyx-signature-ed25519"])
def test_both_headers_must_be_there(missing: str) -> None:
    headers = signed()
    del headers[missing]

    assert not accepts(headers)
    assert not accepts(headers | {missing: ""})
    assert not accepts({})


def test_five_minutes_both_ways_are_tolerated() -> None:
    cases: list[int] = [0, 1, -1, 299, -299, 300, -300]
    for off_s in cases:
        with showing(off_s):
            assert accepts(signed(timestamp=NOW_S + off_s))


@pytest.mark.parametrize("off_s", [301, -301, 3_600, -86_400])
def test_what_is_stale_or_from_the_future_is_refused(off_s: int) -> None:
    assert not accepts(signed(timestamp=NOW_S + off_s))


def test_a_timestamp_that_is_no_plain_integer_is_refused_even_if_it_was_signed() -> None:
    cases: list[str] = [
        f"{NOW_S}.0",
        f" {NOW_S}",
        f"+{NOW_S}",
        f"{NOW_S:_}",
        f"{NOW_S}\n",
        "0x6553f100",
        "now",
        "-1",
        "",
        "NaN",
        "9" * 400,
        str(NOW),
        str(NOW_S).translate({48 + digit: 0x660 + digit for digit in range(10)}),
    ]
    for timestamp in cases:
        with showing(timestamp):
            assert not accepts(signed(timestamp=timestamp))


def test_a_signature_that_is_none_is_refused() -> None:
    cases: list[str] = [
        "",
        "!!!!",
        "AAAA",
        "é" * 88,
        base64.b64encode(b"x" * 63).decode(),
        base64.b64encode(b"x" * 65).decode(),
        base64.b64encode(b"x" * 64).decode(),
        base64.b64encode(b"\0" * 64).decode(),
    ]
    for encoded in cases:
        with showing(encoded):
            assert not accepts(signed() | {"telnyx-signature-ed25519": encoded})


def test_base64_with_anything_around_it_is_refused() -> None:
    good = signed()["telnyx-signature-ed25519"]
    for encoded in (
        f" {good}",
        f"{good}\n",
        f"{good[:10]}\n{good[10:]}",
        good.rstrip("="),
        f"{good}x",
        f"{good}====",
    ):
        assert not accepts(signed() | {"telnyx-signature-ed25519": encoded}), encoded


def test_another_key_is_refused() -> None:
    assert not accepts(signed(key=OTHER))


def test_the_signature_of_another_moment_or_another_body_is_refused() -> None:
    assert not accepts(signed() | {"telnyx-timestamp": str(NOW_S - 1)})
    assert not accepts(signed(), body=BODY + b" ")
    assert not accepts(signed(body=b""))
    assert not accepts(signed(separator=b"."))


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_changed_byte_of_the_body_is_refused(place: int, change: int) -> None:
    forged = bytearray(BODY)
    forged[place] ^= change

    assert not accepts(signed(), body=bytes(forged))


@given(st.integers(0, 63), st.integers(1, 255))
def test_one_changed_byte_of_the_signature_is_refused(place: int, change: int) -> None:
    headers = signed()
    raw = bytearray(base64.b64decode(headers["telnyx-signature-ed25519"]))
    raw[place] ^= change

    assert not accepts(headers | {"telnyx-signature-ed25519": base64.b64encode(raw).decode()})


@given(st.binary(max_size=200))
def test_any_bytes_can_be_signed(body: bytes) -> None:
    assert accepts(signed(body), body=body)


@given(st.dictionaries(st.text(max_size=40), st.text(max_size=120), max_size=4), st.binary(max_size=50))
def test_whatever_comes_is_accepted_or_refused_and_nothing_else(headers: dict[str, str], body: bytes) -> None:
    assert not accepts(headers, body=body)


def test_two_keys_are_trusted_while_one_is_being_changed() -> None:
    keys = (webhook_settings.public_key(base64.b64encode(bytes(OTHER.verify_key)).decode()), *TRUSTED)

    assert accepts(signed(), keys=keys)
    assert accepts(signed(key=OTHER), keys=keys)
    assert not accepts(signed(key=SigningKey(b"z" * 32)), keys=keys)


def test_without_a_key_nothing_is_accepted() -> None:
    assert not accepts(signed(), keys=())


def test_a_refusal_does_not_say_which_check_failed() -> None:
    said = set()
    for headers in ({}, signed(timestamp=1), signed(key=OTHER), signed() | {"telnyx-signature-ed25519": "!"}):
        with pytest.raises(SignatureRefused) as refused:
            signature.verify(TRUSTED, headers, BODY, NOW)
        said.add(str(refused.value))

    assert len(said) == 1


def test_a_malformed_public_key_says_what_is_wrong_with_it() -> None:
    cases: list[tuple[str, str]] = [
        ("", "holds 0 bytes, not 32"),
        ("AAAA", "holds 3 bytes, not 32"),
        (base64.b64encode(b"x" * 33).decode(), "holds 33 bytes, not 32"),
        ("not base64 at all", "is not base64"),
        ("a" * 43, "is not base64"),
    ]
    for text, problem in cases:
        with showing((text, problem)), pytest.raises(ValueError, match=problem):
            webhook_settings.public_key(text)


def comes_from(address: str, *ranges: str) -> bool:
    try:
        signature.expect_source([webhook_settings.source_range(text) for text in ranges], address)
    except SignatureRefused:
        return False
    return True


def test_a_webhook_comes_from_one_of_the_ranges_that_were_named() -> None:
    cases: list[tuple[str, bool]] = [
        ("192.76.120.192", True),
        ("192.76.120.223", True),
        ("192.76.120.224", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("198.51.100.7", True),
        ("198.51.100.8", False),
        # None of these is an address, so none is the provider's.
        ("", False),
        ("192.76.120.192, 203.0.113.9", False),
        ("provider.example", False),
    ]
    for address, allowed in cases:
        with showing((address, allowed)):
            assert comes_from(address, "192.76.120.192/27", "2001:db8::/32", "198.51.100.7") is allowed


def test_without_a_range_a_webhook_may_come_from_anywhere() -> None:
    assert comes_from("203.0.113.9")
    assert comes_from("")


def test_the_wrong_address_and_the_wrong_signature_are_refused_in_the_same_words() -> None:
    with pytest.raises(SignatureRefused) as elsewhere:
        signature.expect_source([webhook_settings.source_range("192.76.120.192/27")], "203.0.113.9")
    with pytest.raises(SignatureRefused) as forged:
        signature.verify(TRUSTED, signed(key=OTHER), BODY, NOW)

    assert str(elsewhere.value) == str(forged.value)

"""An answer that takes a text, and the words that answers carry."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import Fault
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.status import Status
from longcode.telnyx import protocol
from tests.chance import showing
from tests.support.fakes.clock import START_MS
from tests.support.fakes.examples import OURS, TELNYX_ID, THEIRS
from tests.unit.test_classify import ACCEPTED, AMBIGUOUS, WALL_S, classify, good

# None that a text can have, or none at all.
ODD_WAITS: list[object] = [0, 0.0, -1, 86_400.1, 1e300, 10**40, True, "12", None, [12], {}, "soon"]
ODD_MOMENTS: list[object] = [None, "", "soon", 1_700_003_600, True, [], "2031-01-01T00:00:00Z"]


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_with_an_id_is_accepted(status: int) -> None:
    answer = classify(status, good(parts=3))

    assert answer == Answer(
        ACCEPTED,
        http_status=status,
        telnyx_id=TELNYX_ID,
        provider_status="queued",
        status=Status.SUBMITTED,
        parts=3,
    )


def test_a_2xx_that_names_no_id_may_have_been_taken() -> None:
    cases: list[bytes] = [
        b"",
        b"OK",
        b'{"data":{"id":"40385f64-57',
        b'{"data":{}}',
        b'{"data":{"id":null}}',
        b'{"data":{"id":""}}',
        b'{"data":{"id":7}}',
        b'{"data":[]}',
        b"[]",
        b"\xff",
    ]
    for content in cases:
        with showing(content):
            answer = classify(200, content)

            assert answer.verdict is AMBIGUOUS
            assert answer.fault
            assert answer.fault.code == "provider_unreadable"


def test_a_yes_may_carry_a_later_word_already() -> None:
    cases: list[tuple[str, Status]] = [
        ("queued", Status.SUBMITTED),
        ("sending", Status.SUBMITTED),
        ("scheduled", Status.SUBMITTED),
        ("sent", Status.SENT),
        ("delivered", Status.DELIVERED),
        ("sending_failed", Status.SENDING_FAILED),
        ("delivery_failed", Status.DELIVERY_FAILED),
        ("delivery_unconfirmed", Status.DELIVERY_UNCONFIRMED),
        ("expired", Status.EXPIRED),
        ("something new", Status.SUBMITTED),
    ]
    for word, status in cases:
        with showing((word, status)):
            answer = classify(200, good(to=[{"status": word}]))

            assert (answer.verdict, answer.provider_status, answer.status) == (ACCEPTED, word, status)


def test_a_yes_without_a_word_counts_as_queued() -> None:
    cases: list[object] = [[], None, "x", [None], [{}], [{"status": None}]]
    for to in cases:
        with showing(to):
            answer = classify(200, good(to=to, parts=None))

            assert (answer.verdict, answer.provider_status, answer.parts) == (ACCEPTED, "queued", None)


def test_a_number_of_parts_that_no_text_has_is_not_taken() -> None:
    cases: list[object] = [True, False, 0, -1, 256, 10**40, 1.0, "2", None]
    for parts in cases:
        with showing(parts):
            answer = classify(200, good(parts=parts))

            assert (answer.verdict, answer.parts) == (ACCEPTED, None)


def test_a_yes_says_how_long_a_text_waits_at_the_provider_and_until_when_it_may() -> None:
    cases: list[tuple[object, int | None]] = [
        (12.3456, 12_346),
        (1800, 1_800_000),
        (86_400, 86_400_000),
        *((odd, None) for odd in ODD_WAITS),
    ]
    for seconds, queue_ms in cases:
        with showing(seconds):
            assert classify(200, good(wait_seconds=seconds)).queue_ms == queue_ms

    hour_ms = START_MS + 3_600_000
    for said, valid_until_ms in (
        ("2023-11-14T23:13:20.000+00:00", hour_ms),
        ("2023-11-14T23:13:20Z", hour_ms),
        *((odd, None) for odd in ODD_MOMENTS),
    ):
        with showing(said):
            assert classify(200, good(valid_until=said)).valid_until_ms == valid_until_ms
    endless = b'{"data":{"id":"%s","wait_seconds":1e999,"valid_until":"9"}}' % TELNYX_ID.encode()
    assert classify(200, endless).queue_ms is None


def test_a_yes_names_the_recipients_carrier() -> None:
    row = {"phone_number": THEIRS, "status": "queued", "carrier": "T-MOBILE USA, INC.", "line_type": "Wireless"}
    other = {"phone_number": OURS, "status": "queued", "carrier": "AT&T Mobility LLC", "line_type": "Wireless"}
    named = Subscription(Carrier.T_MOBILE, "wireless", START_MS)
    cases: list[tuple[object, Subscription | None]] = [
        ([row], named),
        (row, named),
        ([other, row], named),
        ([{**row, "phone_number": None}], named),
        # Another one's, and none.
        ([other], None),
        ([{**row, "carrier": ""}], None),
        ([{**row, "carrier": None}], None),
        ([{"phone_number": THEIRS, "line_type": "Wireless"}], None),
        ([], None),
        ("x", None),
    ]
    for to, expected in cases:
        with showing(to):
            answer = protocol.classify(200, {}, good(to=to), START_MS / 1000, THEIRS)

            assert (answer.verdict, answer.subscription) == (ACCEPTED, expected)
    assert protocol.classify(400, {}, good(to=[row]), START_MS / 1000, THEIRS).subscription is None


def test_a_yes_that_says_failed_already_keeps_its_reasons() -> None:
    errors = [{"code": "40001", "title": "Not routable", "detail": "A landline."}, {"code": 40008}]

    answer = classify(200, good(to=[{"status": "delivery_failed"}], errors=errors))

    assert (answer.verdict, answer.status, answer.fault) == (ACCEPTED, Status.DELIVERY_FAILED, None)
    assert answer.faults == (Fault("40001", "Not routable", "A landline."), Fault("40008", ""))


# ------------------------------------------------------------------------------------- the words of others

FFFD = "\N{REPLACEMENT CHARACTER}"
# (as JSON has it, as we keep it)
WORDS = [
    (r"Blocked \ud83d here", f"Blocked {FFFD} here"),
    (r"\udc00\ud800", FFFD * 2),
    (r"\ud83d\udc4b waves", "\N{WAVING HAND SIGN} waves"),
    (r"red \u001b[31malert\u001b[0m", "red  [31malert [0m"),
    (r"two\nlines\rand\ta\u0000nul", "two lines and a nul"),
    (r"\u009b2Jcleared\u007f", " 2Jcleared "),
    (r"a\u202etxet\u2066b\u2028c", "a txet b c"),
    ("x" * 5_000, "x" * 1_000),
]


def test_titles_and_details_are_kept_as_plain_text() -> None:
    for said_so, kept in WORDS:
        with showing((said_so, kept)):
            said = f'{{"code":"40310","title":"{said_so}","detail":"{said_so}"}}'

            refused = classify(400, f'{{"errors":[{said}]}}'.encode()).fault
            taken = classify(200, f'{{"data":{{"id":"{TELNYX_ID}","errors":[{said}]}}}}'.encode()).faults

            assert refused
            assert (refused.title, refused.detail) == (kept, kept)
            assert taken == (Fault("40310", kept, kept),)


@pytest.mark.parametrize("odd", [["a"], {"b": 1}, True, 1.5], ids=repr)
def test_a_title_that_is_no_text_is_made_up_for(odd: object) -> None:
    fault = classify(400, json.dumps({"errors": [{"code": "40310", "title": odd, "detail": odd}]}).encode()).fault

    assert fault
    assert (fault.title, fault.detail) == ("The provider answered 400.", "")


ODD_TEXT = st.text(st.characters(codec=None), max_size=20)


@given(ODD_TEXT, ODD_TEXT, ODD_TEXT, st.integers(200, 599))
def test_no_words_of_others_are_unfit_for_a_terminal_or_a_table(
    code: str, title: str, detail: str, status: int
) -> None:
    row = {"code": code, "title": title, "detail": detail}
    content = json.dumps({"errors": [row], "data": {"id": title, "to": [{"status": code}], "errors": [row]}})

    answer = classify(status, content.encode())

    faults = (answer.fault, *answer.faults)
    words = [word for fault in faults if fault for word in (fault.code, fault.title, fault.detail)]
    for word in (*words, answer.telnyx_id or "", answer.provider_status or ""):
        word.encode()
        assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in word)


@given(st.integers(200, 599), st.binary(max_size=60), st.dictionaries(st.text(max_size=12), st.text(max_size=12)))
def test_any_answer_at_all_is_one_of_ours(status: int, content: bytes, headers: dict[str, str]) -> None:
    answer = protocol.classify(status, headers, content, WALL_S)

    assert answer.verdict in Verdict
    assert (answer.fault is None) == (answer.verdict is ACCEPTED)


def test_an_answer_nested_beyond_reason_may_have_been_taken() -> None:
    assert classify(200, b"[" * 100_000).verdict is AMBIGUOUS
    assert classify(500, b'{"a":' * 100_000).verdict is AMBIGUOUS

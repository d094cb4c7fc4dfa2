"""Every fault has an explanation, the page that lists them is current, and each answer carries it."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from docs import errors as errors_page
from longcode.domain.carriers import Carrier
from longcode.domain.errors import SendRefused
from longcode.domain.message import Entry, Fault
from longcode.domain.outcomes import Answer, Code, Resend, Responsible, Verdict
from longcode.domain.status import HeldBy, Status
from longcode.entrypoints import error_responses, responses
from longcode.telnyx import error_codes, protocol
from longcode.telnyx.error_codes import CODES, explain
from tests.support.fakes import ROOT, make_world
from tests.support.fakes.examples import make_message
from tests.support.fakes.provider import OPTED_OUT, UNREACHABLE, refuses
from tests.unit import test_classify

LAYER = ROOT / "layers/longcode/python/longcode"

# What message.finalized may carry, as the provider documents it.
ASYNCHRONOUS = (
    *("40001", "40002", "40003", "40004", "40005", "40006", "40008", "40010", "40011", "40012"),
    *("40013", "40014", "40015", "40016", "40017", "40018", "40019", "40020"),
)
# What only a refused send may carry.
REFUSALS = {code for _, code, _ in test_classify.CODES} - {"49999", "12345", "99999"} | {"40300", "40009"}

BLOCKED = [
    ("Blocked due to STOP message", ""),
    ("Blocked", "Messages cannot be sent due to an existing block rule."),
    ("Blocked", "The recipient has opted out."),
]
NOT_ASSIGNED = ("Not assigned", "The 'from' number is not assigned to a messaging profile.")


def classified(code: str, http_status: int = 400, title: str = "", detail: str = "") -> Answer:
    errors = [{"code": code, "title": title, "detail": detail}] if code else []
    return protocol.classify(http_status, {}, json.dumps({"errors": errors}).encode(), 0.0)


def everything() -> list[Code]:
    return [row for _, row in error_codes.rows()]


# ------------------------------------------------------------------------------------------------- the table


def test_every_code_that_we_know_of_is_explained() -> None:
    known = {*REFUSALS, *ASYNCHRONOUS}

    assert known <= set(CODES)
    assert [code for code in known if explain(Fault(code, "")) is not CODES[code]] == []


def test_every_code_of_a_refusal_has_a_verdict() -> None:
    decided = {code for code, row in CODES.items() if row.verdict}

    assert decided - set(ASYNCHRONOUS) == {*REFUSALS, "recipient_opted_out"}


def test_four_codes_have_other_texts_to_their_carrier_wait_and_two_of_them_name_it() -> None:
    found = {code: (row.brakes, row.carrier) for code, row in CODES.items() if row.brakes or row.carrier}

    assert found == {
        "40011": ("minute", None),
        "40014": ("queue", None),
        "40016": ("day", Carrier.T_MOBILE),
        "40018": ("minute", Carrier.ATT),
    }
    assert set(found) == set(test_classify.CARRIERS)
    assert {CODES[code].verdict for code in found} == {Verdict.PERMANENT}
    assert [code for code in found if "requeue --refused-by-cap" not in CODES[code].next_step] == []


def test_every_fault_of_our_own_is_explained() -> None:
    queued = {HeldBy.SCHEDULE, HeldBy.QUIET_HOURS}
    rates = {HeldBy.RECIPIENT_RATE, HeldBy.SENDER_RATE, HeldBy.ACCOUNT_RATE}
    # A text that is stopped between its storing and its request has the reason for its code.
    ours = set(_fault_codes()) | {held_by.value for held_by in set(HeldBy) - rates - queued}

    assert {"provider_unreachable", "provider_no_answer", "claim_lost", "expired_unsent", "no_receipt"} <= ours
    assert ours <= set(CODES)


def _fault_codes() -> Iterator[str]:
    """The codes that the layer's modules give to the faults they make."""
    for path in LAYER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault":
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value:
                    yield first.value


def test_no_code_is_explained_twice() -> None:
    codes = [code for row in error_codes._TABLE for code in error_codes._codes(row.code)]

    assert sorted(codes) == sorted(set(codes))


def test_an_explanation_is_two_plain_sentences() -> None:
    explanations = everything()
    sentences = [words for explanation in explanations for words in (explanation.meaning, explanation.next_step)]

    assert [words for words in sentences if not words.endswith(".") or ". " in words] == []
    assert [words for words in sentences if not words[0].isupper()] == []
    assert [explanation.meaning for explanation in explanations if len(explanation.meaning) > 110] == []
    assert {explanation.responsible for explanation in explanations} <= set(get_args(Responsible))
    assert {explanation.resend for explanation in explanations} <= set(get_args(Resend))


def test_a_text_that_was_not_delivered_is_sent_again_by_a_person_only() -> None:
    final = {code for code in ASYNCHRONOUS if CODES[code].resend == "no" or code == "40003"}
    by_a_person = "new message and never happens by itself"

    assert [code for code in final if "again" in CODES[code].next_step] == []
    assert [code for code in ASYNCHRONOUS if code not in final and by_a_person not in CODES[code].next_step] == []


def test_the_advice_fits_what_the_service_does_with_the_code() -> None:
    codes = sorted(filter(str.isdecimal, CODES.keys() - set(ASYNCHRONOUS)))

    assert codes
    assert [code for code in codes if not _advice_fits(code)] == []


def _advice_fits(code: str) -> bool:
    answer = classified(code)
    explanation = explain(Fault(code, "", "", 400))
    match answer.verdict:
        case Verdict.BACK_OFF:
            return explanation.resend == "later"
        case Verdict.AMBIGUOUS:
            return explanation.resend == "no"
        case Verdict.CONFIGURATION:
            wanted = "later" if answer.until_utc_midnight else "after_change"
            return explanation.responsible in ("account", "sender") and explanation.resend == wanted
        case _:
            same = (explanation.responsible == "service") == answer.ours
            return same and explanation.resend in ("no", "after_change")


def test_a_block_is_distinguished_from_a_number_without_a_profile() -> None:
    explained = {explain(Fault("40300", *words)) for words in BLOCKED}

    assert [words for words in BLOCKED if not classified("40300", 403, *words).opted_out] == []
    assert explained == {CODES["recipient_opted_out"]}


def test_a_number_without_a_profile_is_distinguished_from_a_block() -> None:
    assert not classified("40300", 403, *NOT_ASSIGNED).opted_out
    assert explain(Fault("40300", *NOT_ASSIGNED)).responsible == "sender"


# --------------------------------------------------------------------------------------------- what is unknown


def test_an_answer_is_explained_by_its_status_where_its_code_is_none_or_unknown() -> None:
    statuses = [*range(300, 308), *range(400, 452), *range(500, 512), 520, 599]
    answers = {(code, status): classified(code, status) for status in statuses for code in ("", "49999")}
    wanted = {case: by_verdict(answer).meaning for case, answer in answers.items()}

    assert {case: explain(answer.fault).meaning for case, answer in answers.items() if answer.fault} == wanted


def by_verdict(answer: Answer) -> Code:
    return {
        Verdict.CONFIGURATION: error_codes.NOT_ADMITTED if answer.everyone else error_codes.NOT_THE_PROVIDER,
        Verdict.BACK_OFF: error_codes.WANTS_LESS,
        Verdict.AMBIGUOUS: error_codes.UNKNOWN_OUTCOME,
        Verdict.PERMANENT: error_codes.UNCLASSIFIED,
    }[answer.verdict]


def test_what_has_no_explanation_says_so() -> None:
    codes = ("", "49999", "http_", "http_²", "http_teapot", "40300x", "📱")

    assert {explain(Fault(code, "Something new")) for code in codes} == {error_codes.DEFAULT}


# ------------------------------------------------------------------------------------------------- the page


def test_the_page_is_made_of_the_table_as_it_is() -> None:
    assert errors_page.PAGE.read_text() == errors_page.page(), "Run `make docs`."


def test_the_page_names_every_code() -> None:
    page = errors_page.page()
    for row in error_codes._TABLE:
        line = next(line for line in page.splitlines() if f"| {row.meaning} |" in line and row.code[:5] in line)
        assert f"| `{row.resend}` | {row.next_step} |" in line
    assert all(line.count("|") == 5 for line in page.splitlines() if line.startswith("| `1"))


def test_the_page_script_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors_page, "PAGE", tmp_path / "errors.md")

    errors_page.write()

    assert (tmp_path / "errors.md").read_text() == errors_page.page()


# --------------------------------------------------------------------------------------------- in an answer


def body(response: responses.Response) -> Any:
    return json.loads(str(response.for_gateway()["body"]))


def test_a_status_explains_its_errors_in_both_places() -> None:
    landline = Fault("40001", "Not routable", "The destination is a landline.")
    end = Entry(9_000, "delivery_failed", "webhook", faults=(landline,))
    message = make_message(status=Status.DELIVERY_FAILED, faults=(landline,), history=(end,), claimed_ms=2_000)

    fields = body(responses.status(message, None))

    assert fields["errors"] == [
        {
            "code": "40001",
            "title": "Not routable",
            "detail": "The destination is a landline.",
            "explanation": {
                "meaning": CODES["40001"].meaning,
                "whose": "recipient",
                "resend": "no",
                "next": CODES["40001"].next_step,
            },
        }
    ]
    assert fields["history"][-1]["errors"] == fields["errors"]


def test_a_refused_send_is_explained() -> None:
    provider = {"code": "20100", "title": "Insufficient funds", "detail": ""}
    refused = SendRefused("No.", code="provider_not_configured", message_id="m", provider=provider)

    fields = body(error_responses.error_response(refused))

    assert fields["provider"].items() >= provider.items()
    assert fields["provider"]["explanation"]["whose"] == "account"


def test_a_send_to_an_invalid_number_is_explained_through_the_api() -> None:
    world = make_world()
    world.provider.then(refuses(400, "40310", "Invalid 'to' address"))

    reply = world.send()
    status = world.status(reply.fields["message_id"])

    assert reply.fields["provider"]["explanation"]["resend"] == "after_change"
    assert status.fields["errors"][0]["explanation"] == reply.fields["provider"]["explanation"]


def test_the_rows_of_a_processed_queue_are_explained() -> None:
    world = make_world()
    world.provider.then(OPTED_OUT)
    world.enqueue()

    row = world.process().fields["results"][0]

    assert row["code"] == "40300"
    assert row["explanation"]["meaning"] == CODES["recipient_opted_out"].meaning


def test_a_text_that_could_not_be_sent_says_that_it_may_be_sent_again() -> None:
    world = make_world()
    world.provider.then(UNREACHABLE)

    reply = world.send()
    history = world.status(reply.fields["message_id"]).fields["history"]

    assert [row["status"] for row in history] == ["accepted", "failed"]
    assert history[1]["errors"][0]["explanation"]["resend"] == "later"


# A short code, and numbers of things.
NO_CODES = ("40404", "10000", "20000")


def test_each_provider_code_that_a_page_or_the_doctor_names_is_in_the_table() -> None:
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "longcode_cli").rglob("*.py"), ROOT / "README.md"]
    named = {
        (path.name, code)
        for path in pages
        for code in re.findall(r"(?<![\d#,.])(?:10|20|40)\d{3}(?![\d,.]\d|\d|ms| ms)", path.read_text())
        if path.name not in ("performance.md", "cost.md", "settings.md")
    }

    assert ("operations.md", "40300") in named
    assert sorted((name, code) for name, code in named if code not in {*CODES, *NO_CODES}) == []

"""Every fault has an explanation, the page that lists them is current, and a status tells the whole story."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from docs import errors as errors_page
from longcode.domain.errors import SendRefused
from longcode.domain.message import Entry, Fault, Message
from longcode.domain.outcomes import Answer, Verdict
from longcode.domain.status import HeldBy, Status
from longcode.entrypoints import error_responses, responses
from longcode.telnyx import explanations as explain
from longcode.telnyx import protocol
from longcode.telnyx.explanations import EXPLANATIONS, Explanation, timeline
from tests.support.fakes import OURS, ROOT, THEIRS, World, make_world
from tests.support.fakes.provider import OPTED_OUT, UNREACHABLE, refuses

LAYER = ROOT / "layers/longcode/python/longcode"

# What message.finalized may carry, as the provider documents it.
ASYNCHRONOUS = (
    *("40001", "40002", "40003", "40004", "40005", "40006", "40008", "40010", "40011", "40012"),
    *("40013", "40014", "40015", "40016", "40017", "40018", "40019", "40020"),
)
# Refused sends that are about this recipient or this text, and none of our doing.
PERMANENT = sorted({*protocol._PERMANENT, protocol.OPTED_OUT} - set(ASYNCHRONOUS))
SPECIAL = sorted(
    protocol._EVERYONE | protocol._CONFIGURATION | protocol._OURS | protocol._AMBIGUOUS |
    set(protocol._BACK_OFF_MS)
)  # fmt: skip

BLOCKED = [
    ("Blocked due to STOP message", ""),
    ("Blocked", "Messages cannot be sent due to an existing block rule."),
    ("Blocked", "The recipient has opted out."),
]
NOT_ASSIGNED = ("Not assigned", "The 'from' number is not assigned to a messaging profile.")


def classified(code: str, http_status: int = 400, title: str = "", detail: str = "") -> Answer:
    errors = [{"code": code, "title": title, "detail": detail}] if code else []
    return protocol.classify(http_status, {}, json.dumps({"errors": errors}).encode(), 0.0)


def everything() -> list[Explanation]:
    return [explanation for _, explanation in explain.rows()]


# ------------------------------------------------------------------------------------------------- the table


def test_every_code_that_we_know_of_is_explained() -> None:
    known = {*SPECIAL, *PERMANENT, *ASYNCHRONOUS}
    unknown = (explain.DEFAULT, explain.UNCLASSIFIED)

    assert known <= set(EXPLANATIONS)
    assert [code for code in known if explain.explain(Fault(code, "")) in unknown] == []


def test_every_fault_of_our_own_is_explained() -> None:
    ours = set(_fault_codes())

    assert {"provider_unreachable", "provider_no_answer", "claim_lost", "expired_unsent", "no_receipt"} <= ours
    assert ours <= set(EXPLANATIONS)


def _fault_codes() -> Iterator[str]:
    """The codes that the layer's modules give to the faults they make."""
    for path in LAYER.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Fault":
                first = node.args[0] if node.args else None
                if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value:
                    yield first.value


def test_no_code_is_explained_twice() -> None:
    codes = [code for row, _ in explain._ROWS for code in explain._codes(row)]

    assert sorted(codes) == sorted(set(codes))


def test_an_explanation_is_two_plain_sentences() -> None:
    explanations = everything()
    sentences = [words for explanation in explanations for words in (explanation.meaning, explanation.next)]

    assert [words for words in sentences if not words.endswith(".") or ". " in words] == []
    assert [words for words in sentences if not words[0].isupper()] == []
    assert [explanation.meaning for explanation in explanations if len(explanation.meaning) > 110] == []
    assert {explanation.whose for explanation in explanations} <= set(explain.WHOSE)
    assert {explanation.resend for explanation in explanations} <= set(get_args(explain.Resend))


def test_a_text_that_was_not_delivered_is_sent_again_by_a_person_only() -> None:
    final = {code for code in ASYNCHRONOUS if EXPLANATIONS[code].resend == "no" or code == "40003"}
    by_a_person = "new message and never happens by itself"

    assert [code for code in final if "again" in EXPLANATIONS[code].next] == []
    assert [
        code for code in ASYNCHRONOUS if code not in final and by_a_person not in EXPLANATIONS[code].next
    ] == []


def test_the_advice_fits_what_the_service_does_with_the_code() -> None:
    codes = sorted(filter(str.isdecimal, EXPLANATIONS.keys() - set(ASYNCHRONOUS)))

    assert codes
    assert [code for code in codes if not _advice_fits(code)] == []


def _advice_fits(code: str) -> bool:
    answer = classified(code)
    explanation = explain.explain(Fault(code, "", "", 400))
    match answer.verdict:
        case Verdict.BACK_OFF:
            return explanation.resend == "later"
        case Verdict.AMBIGUOUS:
            return explanation.resend == "no"
        case Verdict.CONFIGURATION:
            wanted = "later" if answer.until_utc_midnight else "after_change"
            return explanation.whose in ("account", "sender") and explanation.resend == wanted
        case _:
            told = (explanation.whose == "service") == answer.ours
            return told and explanation.resend in ("no", "after_change")


def test_a_block_is_told_from_a_number_without_a_profile() -> None:
    explained = {explain.explain(Fault("40300", *words)) for words in BLOCKED}

    assert [words for words in BLOCKED if not classified("40300", 403, *words).opted_out] == []
    assert explained == {EXPLANATIONS["recipient_opted_out"]}


def test_a_number_without_a_profile_is_told_from_a_block() -> None:
    assert not classified("40300", 403, *NOT_ASSIGNED).opted_out
    assert explain.explain(Fault("40300", *NOT_ASSIGNED)).whose == "sender"


# --------------------------------------------------------------------------------------------- what is unknown


def test_an_answer_is_explained_by_its_status_where_its_code_is_none_or_unknown() -> None:
    statuses = [*range(300, 308), *range(400, 452), *range(500, 512), 520, 599]
    answers = {(code, status): classified(code, status) for status in statuses for code in ("", "49999")}
    wanted = {case: by_verdict(answer) for case, answer in answers.items()}

    assert {case: explain.explain(answer.fault) for case, answer in answers.items() if answer.fault} == wanted


def by_verdict(answer: Answer) -> Explanation:
    return {
        Verdict.CONFIGURATION: explain.NOT_ADMITTED if answer.everyone else explain.NOT_THE_PROVIDER,
        Verdict.BACK_OFF: explain.WANTS_LESS,
        Verdict.AMBIGUOUS: explain.UNKNOWN_OUTCOME,
        Verdict.PERMANENT: explain.UNCLASSIFIED,
    }[answer.verdict]


def test_what_nobody_has_explained_says_so() -> None:
    codes = ("", "49999", "http_", "http_²", "http_teapot", "40300x", "📱")

    assert {explain.explain(Fault(code, "Something new")) for code in codes} == {explain.DEFAULT}


# ------------------------------------------------------------------------------------------------- the page


def test_the_page_is_made_of_the_table_as_it_is() -> None:
    assert errors_page.PAGE.read_text() == errors_page.page(), "Run `make docs`."


def test_the_page_names_every_code() -> None:
    page = errors_page.page()
    for row, explanation in explain._ROWS:
        line = next(line for line in page.splitlines() if f"| {explanation.meaning} |" in line and row[:5] in line)
        assert f"| `{explanation.resend}` | {explanation.next} |" in line
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
    end = Entry(9_000, "delivery_failed", "webhook", "e-1", faults=(landline,))
    message = make_message(status=Status.DELIVERY_FAILED, faults=(landline,), history=(end,), claimed_ms=2_000)

    fields = body(responses.status(message, None))

    assert fields["errors"] == [
        {
            "code": "40001",
            "title": "Not routable",
            "detail": "The destination is a landline.",
            "explanation": {
                "meaning": EXPLANATIONS["40001"].meaning,
                "whose": "recipient",
                "resend": "no",
                "next": EXPLANATIONS["40001"].next,
            },
        }
    ]
    assert fields["history"][-1]["errors"] == fields["errors"]


def test_a_refused_send_is_explained() -> None:
    provider = {"code": "20100", "title": "Insufficient funds", "detail": ""}
    refused = SendRefused(
        "No.", code="provider_not_configured", status_code=503, message_id="m", provider=provider
    )

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
    assert row["explanation"]["meaning"] == EXPLANATIONS["recipient_opted_out"].meaning


# ------------------------------------------------------------------------------------------------ the timeline


def make_message(**changes: Any) -> Message:
    fields: dict[str, Any] = {
        "id": "9aa55a9e-8563-4068-a8b5-1d453c6756e5",
        "direction": "outbound",
        "status": Status.QUEUED,
        "sender": OURS,
        "recipient": THEIRS,
        "text": "Hello",
        "accepted_ms": 1_000,
        "updated_ms": 1_000,
        "route": "queue",
        "segments": 1,
    }
    return Message(**fields | changes)


def words(entries: tuple[Entry, ...]) -> list[tuple[int, str]]:
    return [(entry.at_ms, entry.status) for entry in entries]


def test_a_delivered_text_tells_its_whole_way() -> None:
    history = (
        Entry(14_000, "submitted", "consumer"),
        Entry(15_000, "sent", "webhook", "e-1"),
        Entry(17_000, "delivered", "webhook", "e-2"),
    )
    message = make_message(status=Status.DELIVERED, claimed_ms=13_500, sent_ms=14_000, history=history)

    told = timeline(message)

    assert words(told) == [
        (1_000, "accepted"), (13_500, "waited"), (14_000, "submitted"), (15_000, "sent"), (17_000, "delivered"),
    ]  # fmt: skip
    assert [entry.note for entry in told] == [
        "It was accepted into the recipient's line.",
        "It waited 12.5 s for its turn in the recipient's line.",
        "The provider took it.",
        "The provider passed it on to the recipient's network.",
        "It arrived.",
    ]
    assert [entry.event_id for entry in told] == [None, None, None, "e-1", "e-2"]


def test_a_wait_names_what_it_is_for() -> None:
    told = {
        reason: (
            timeline(make_message(held_by=reason, slot_ms=4_000))[1].note,
            timeline(make_message(status=Status.SENDING, claimed_ms=4_000, held_by=reason))[1].note,
        )
        for reason in HeldBy
    }

    assert told == {
        reason: (
            f"It waits for {explain._REASONS[reason]}, to leave at 1970-01-01T00:00:04.000Z.",
            f"It waited 3.0 s for {explain._REASONS[reason]}.",
        )
        for reason in HeldBy
    }


def test_what_a_forecast_knows_goes_before_what_is_stored() -> None:
    message = make_message(held_by=HeldBy.RECIPIENT_RATE, slot_ms=4_000)

    told = timeline(message, (HeldBy.BREAKER, 60_000))

    assert (
        told[1].note == f"It waits for {explain._REASONS[HeldBy.BREAKER]}, to leave at 1970-01-01T00:01:00.000Z."
    )


def test_a_pause_has_no_known_end_even_if_a_slot_is_stored() -> None:
    told = timeline(make_message(held_by=HeldBy.RECIPIENT_RATE, slot_ms=4_000), (HeldBy.PAUSED, None))

    assert told[1].note == "It waits for the end of a pause."


def test_a_text_that_is_sent_at_once_has_not_waited() -> None:
    message = make_message(
        route="send", status=Status.SUBMITTED, claimed_ms=1_001, history=(Entry(1_300, "submitted", "api"),)
    )

    assert words(timeline(message)) == [(1_000, "accepted"), (1_300, "submitted")]


def test_a_text_that_was_never_sent_waited_until_its_end() -> None:
    end = Entry(3_601_000, "expired_unsent", "reconciler")
    message = make_message(status=Status.EXPIRED_UNSENT, updated_ms=9_999_999, history=(end,))

    told = timeline(message)

    assert words(told) == [(1_000, "accepted"), (3_601_000, "waited"), (3_601_000, "expired_unsent")]
    assert told[1].note == "It waited 1 h for its turn in the recipient's line."


def test_receipts_are_told_in_the_order_of_their_time_and_after_the_sending() -> None:
    # They came late, in the wrong order, and the provider's clock is behind ours.
    history = (
        Entry(14_000, "submitted", "consumer"),
        Entry(16_000, "delivered", "webhook", "e-2"),
        Entry(13_900, "sent", "webhook", "e-1"),
    )
    message = make_message(status=Status.DELIVERED, claimed_ms=13_500, sent_ms=14_000, history=history)

    assert [entry.status for entry in timeline(message)][2:] == ["submitted", "sent", "delivered"]


def test_an_inbound_text_was_only_received() -> None:
    message = make_message(
        direction="inbound", status=Status.RECEIVED, route="webhook", history=(Entry(900, "received", "webhook"),)
    )

    assert words(timeline(message)) == [(900, "received")]


def test_a_note_that_is_stored_stays_as_it_is() -> None:
    message = make_message(
        status=Status.CANCELLED, history=(Entry(2_000, "failed", "operator", note="Wrong list."),)
    )

    assert timeline(message)[-1].note == "Wrong list."


def test_a_span_has_at_most_two_units() -> None:
    spans = {
        -5: "0.0 s",
        1_234: "1.2 s",
        60_000: "1 min",
        200_000: "3 min 20 s",
        7_500_000: "2 h 5 min",
        273_600_000: "3 d 4 h",
    }

    assert {duration_ms: explain._span(duration_ms) for duration_ms in spans} == spans


@pytest.fixture
def world() -> World:
    return make_world()


def test_a_status_tells_the_way_of_a_text_from_its_acceptance(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    waiting = world.status(ident).fields["history"]
    world.consume()
    history = world.status(ident).fields["history"]

    assert [row["status"] for row in waiting] == ["accepted", "waiting"]
    assert [row["status"] for row in history] == ["accepted", "waited", "submitted"]
    assert [row["at"] for row in history] == sorted(row["at"] for row in history)
    assert all(row["note"].endswith(".") for row in history)


def test_a_status_says_how_long_the_second_text_of_a_line_waited(world: World) -> None:
    world.enqueue(message="First")
    ident = world.enqueue(message="Second").fields["message_id"]
    world.consume()

    waited = world.status(ident).fields["history"][1]

    assert waited["status"] == "waited"
    assert waited["note"].startswith("It waited 1.")


def test_a_status_says_what_a_paused_text_waits_for(world: World) -> None:
    ident = world.enqueue().fields["message_id"]
    world.limits.pause(world.clock.now_ms(), "lunch")

    fields = world.status(ident).fields

    assert fields["held_by"] == "paused"
    assert fields["history"][1]["note"] == "It waits for the end of a pause."


def test_a_text_that_could_not_be_sent_says_that_it_may_be_sent_again(world: World) -> None:
    world.provider.then(UNREACHABLE)

    reply = world.send()
    history = world.status(reply.fields["message_id"]).fields["history"]

    assert [row["status"] for row in history] == ["accepted", "failed"]
    assert history[1]["errors"][0]["explanation"]["resend"] == "later"

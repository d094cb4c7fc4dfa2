"""What a test text's number stands for: one table, which the simulated provider and the page have too."""

import httpx
import pytest

from devtools.telnyx_simulator import outcomes as simulated
from devtools.telnyx_simulator.outcomes import Reply
from longcode.domain import magic_numbers, test_mode
from longcode.domain.magic_numbers import OUTCOMES, outcome_of
from longcode.domain.message import is_tag
from longcode.telnyx import error_codes
from longcode.telnyx.client import Telnyx
from longcode.use_cases.test_provider import receipts
from tests.support.fakes import ROOT
from tests.support.fakes.examples import make_message
from tests.unit.telnyx_wire import MESSAGE, YES, Wire

# They are about the webhooks alone, or about time.
OF_WEBHOOKS = {"webhooks_doubled", "webhooks_forged", "webhooks_stale", "slow"}


def test_the_simulated_provider_has_the_same_endings_with_the_same_meanings() -> None:
    theirs = {one.suffix: one for one in simulated.OUTCOMES if one.suffix and one.name not in OF_WEBHOOKS}
    assert {one.ending for one in OUTCOMES if one.ending} == theirs.keys()
    for one in OUTCOMES:
        its = simulated.of(f"+1202555{one.ending}")
        assert one.name == its.name
        assert [status.value for status in one.receipts if its.taken] in (
            [step.status for step in its.steps] if its.taken else [],
            [step.status for step in reversed(its.steps)],
        )
        assert (one.tries, one.taken) == (its.tries, its.taken and its.reply is not Reply.NORMAL)
        assert (one.refusal is None) == (its.reply is Reply.NORMAL)
        errors = [its.error] if its.reply is Reply.ERROR else [its.steps[-1].error] if its.taken else []
        faults = [one.refusal] if its.reply is Reply.ERROR else list(one.faults)
        assert [(fault.code, fault.title) for fault in faults if fault] == [
            (error.code, error.title) for error in errors if error
        ], one.name
        if its.reply is Reply.ERROR and its.error and one.refusal:
            assert (one.refusal.http_status, one.wait_ms) == (
                its.error.status,
                its.retry_after and its.retry_after * 1000,
            )


def test_a_number_outside_of_the_table_is_delivered() -> None:
    for number in ("+12025550123", "+13035550130", "+12025560140", "+447700900140", "+1202555014"):
        assert outcome_of(number) is magic_numbers.DELIVERED, number
    assert {outcome_of(f"+1{area}5550140").name for area in (202, 303, 907)} == {"delivery_failed"}


def test_each_refusal_means_something_to_this_service() -> None:
    refusals = [one.refusal for one in OUTCOMES if one.refusal]
    assert len(refusals) == 21
    assert {error_codes.explain(fault) for fault in refusals}.isdisjoint(
        {error_codes.DEFAULT, error_codes.UNCLASSIFIED, error_codes.NOT_THE_PROVIDER}
    )


def test_receipts_cost_nothing_and_come_once() -> None:
    message = make_message(test=True, segments=3)
    sent, delivered = receipts(message, 5)
    assert (sent.cost, delivered.cost, delivered.currency, delivered.parts) == (None, "0", "USD", 3)
    assert sent.event_id != delivered.event_id
    assert receipts(message, 9)[1].event_id == delivered.event_id
    assert sent.telnyx_id == delivered.telnyx_id != receipts(make_message(test=True), 5)[0].telnyx_id


def test_the_real_provider_is_never_asked_about_a_test_text() -> None:
    wire = Wire(httpx.Response(200, json=YES))
    message = make_message(test=True)
    for ask in (wire.provider.send, wire.provider.record_of):
        with pytest.raises(AssertionError, match="must not reach the provider"):
            ask(message)
    assert wire.requests == []
    assert isinstance(wire.provider, Telnyx)
    wire.provider.send(MESSAGE)
    assert len(wire.requests) == 1


def test_no_live_tag_is_that_of_test_texts() -> None:
    for tag in ("spring", "x#test", "#test"):
        assert not is_tag(test_mode.marked_tag(tag))
        assert test_mode.unmarked_tag(test_mode.marked_tag(tag)) == tag == test_mode.unmarked_tag(tag)


def test_the_page_has_the_table() -> None:
    page = (ROOT / "docs" / "test-keys.md").read_text()
    for ending, name, meaning in magic_numbers.rows():
        shown = f"`{ending}`" if ending.isdigit() else ending
        assert f"| {shown} | `{name}` | {meaning} |\n" in page, ending
    assert page.count("| `01") == len(magic_numbers.rows()) - 1

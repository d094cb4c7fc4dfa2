"""`longcode status`: the life of one text, for a person and for a script."""

from dataclasses import replace

import pytest
from rich.table import Table
from rich.text import Text

from longcode.domain.carriers import Carrier, Subscription
from longcode.domain.message import Fault
from longcode.domain.outcomes import Receipt
from longcode.domain.status import HeldBy, Status
from longcode.entrypoints import responses
from longcode_cli import terminal
from tests.longcode_cli.world import NOW_MS, THEIRS, World, ident
from tests.support.fakes.examples import make_message
from tests.support.places import got

pytestmark = pytest.mark.disable_socket

ID = ident(1)


def _receipt(status: Status, at_ms: int, *faults: Fault) -> Receipt:
    return Receipt(f"event-{status}", "telnyx-1", status, status.value, at_ms, faults=faults)


@pytest.fixture
def delivered(world: World) -> World:
    world.submit(ID, "telnyx-1", metadata={"order": "4711"})
    # The receipts come in the wrong order, as they do.
    world.stack.messages.record(ID, _receipt(Status.DELIVERED, NOW_MS + 6_000), NOW_MS + 6_100)
    world.stack.messages.record(ID, _receipt(Status.SENT, NOW_MS + 5_000), NOW_MS + 6_200)
    return world


def test_the_timeline_has_every_step_in_the_order_of_time(delivered: World) -> None:
    printed = delivered.says("status", ID)
    steps = [
        "accepted api; It was accepted into the recipient queue",
        "+4.2 s waited consumer; It waited 4.2 s for its turn in the recipient queue",
        "+4.3 s submitted consumer; The provider took it",
        "+5.0 s sent webhook; The provider passed it on to the recipient's network",
        "+6.0 s delivered webhook; It arrived",
    ]
    assert [printed.index(step) for step in steps] == sorted(printed.index(step) for step in steps)


def test_it_is_found_by_the_providers_id_too(delivered: World) -> None:
    assert ID in delivered.says("status", "telnyx-1")


def test_the_carrier_is_shown_once_it_is_known(delivered: World) -> None:
    assert "carrier" not in delivered.says("status", ID)
    named = Subscription(Carrier.T_MOBILE, "wireless", NOW_MS)
    late = replace(_receipt(Status.SENT, NOW_MS + 7_000), event_id="late", subscription=named)
    delivered.stack.messages.record(ID, late, NOW_MS + 7_000)

    assert "carrier t_mobile (wireless)" in " ".join(delivered.says("status", ID).split())


def test_neither_text_nor_metadata_nor_numbers_are_shown_unless_asked_for(delivered: World) -> None:
    printed = delivered.run("status", ID).output + delivered.run("status", ID, "--json").output
    assert "The words" not in printed
    assert "4711" not in printed
    assert THEIRS not in printed
    full = delivered.says("status", ID, "--full")
    assert "The words of the text" in full
    assert "order=4711" in full
    assert THEIRS in full


def test_the_full_json_is_the_apis_own_answer(delivered: World) -> None:
    message = delivered.stack.messages.get(ID)
    assert message
    assert delivered.json("status", ID, "--full") == responses.status(message, None).fields


def test_an_error_is_reported_with_its_code_and_without_the_number_in_it(world: World) -> None:
    world.submit(ID, "telnyx-1")
    fault = Fault("40001", "Not routable", f"{THEIRS} can't be reached")
    world.stack.messages.record(ID, _receipt(Status.DELIVERY_FAILED, NOW_MS + 5_000, fault), NOW_MS + 5_000)
    printed = world.says("status", ID)
    assert "delivery failed" in printed
    assert "40001 Not routable (+1…23 can't be reached)" in printed
    assert world.json("status", ID)["errors"][0]["detail"] == "+1…23 can't be reached"


def test_what_strangers_wrote_can_not_steer_the_terminal(world: World) -> None:
    world.accept(ID, text="a\x1b[2Jb [red]c :boom: \u202ed")
    assert "a\\u001b[2Jb [red]c :boom: \\u202ed" in world.says("status", ID, "--full")


def test_what_the_provider_says_can_not_steer_the_terminal_either(world: World) -> None:
    link = "\x1b]8;;https://example.com\x07[bold]here[/bold]\x1b]8;;\x07"
    world.submit(ID, "telnyx\x1b[2J", metadata={"tag": link, "\x9b2J": "[red]x[/red]"})
    fault = Fault(f"4\x1b[2J{link}", f"title{link}", f"detail\r\n{link}")
    receipt = Receipt(
        "e", "telnyx\x1b[2J", Status.DELIVERY_FAILED, f"failed{link}", NOW_MS + 5_000, faults=(fault,),
        cost="0.0051", currency=f"U{link}", note=f"note{link}",
    )  # fmt: skip
    world.stack.messages.record(ID, receipt, NOW_MS + 5_000)
    inbound = make_message(
        id=ident(2), direction="inbound", status=Status.RECEIVED, sender=f"from{link}", recipient=f"to{link}",
        text=link, telnyx_id=link, media=({"url": link},), autoresponse=link, accepted_ms=NOW_MS,
    )  # fmt: skip
    assert world.stack.messages.receive(inbound)

    for number in (1, 2):
        for arguments in (("--full",), (), ("--full", "--json"), ("--json",)):
            printed = world.run("status", ident(number), *arguments).output
            assert printed
            assert printed.replace("\n", "").isprintable()
        full = world.says("status", ident(number), "--full").replace(" ", "")
        assert "\\u001b]8;;https://example.com\\u0007[bold]here" in full


def test_a_console_makes_visible_what_a_command_forgot(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("a")
    table.add_row("x\x1b[2Jy")
    for what in ("one\x1b[2J\ntwo\x9b", Text("three\u202e"), table, "[bold]four[/bold] :boom:"):
        terminal.console().print(what)

    printed = capsys.readouterr().out
    assert printed.replace("\n", "").isprintable()
    assert "one\\u001b[2J\ntwo\\u009b\n" in printed
    assert "three\\u202e" in printed
    assert "x\\u00" in printed
    assert "[bold]four[/bold] :boom:" in printed


def test_times_beyond_the_calendar_are_shown_as_its_end(world: World) -> None:
    world.submit(ID, "telnyx-1")
    for status, at_ms in ((Status.SENT, -(10**15)), (Status.DELIVERED, 10**15)):
        world.stack.messages.record(ID, _receipt(status, at_ms), NOW_MS + 6_000)

    assert "9999-12-31" in world.says("status", ID)
    assert world.json("status", ID)["history"][-1]["at"][:10] == "9999-12-31"


def test_a_waiting_text_says_its_place_and_what_it_waits_for(world: World) -> None:
    far = 4_000_000_000_000
    for number in (1, 2):
        world.accept(ident(number), accepted_ms=NOW_MS + number)
    world.stack.messages.hold(got(world.stack.messages, ident(2)), far, HeldBy.SENDER_RATE)
    assert "It is the first for its recipient, and may leave now." in world.says("status", ident(1))
    printed = world.says("status", ident(2))
    assert "It is number 2, and may leave at 2096-10-02 07:06:40 UTC (in " in printed
    assert "It waits for the sender's rate." in printed
    assert world.json("status", ident(2))["position"] == 2


def test_whatever_a_text_waits_for_is_said(world: World) -> None:
    world.accept(ID)
    for held_by in HeldBy:
        world.stack.messages.hold(got(world.stack.messages, ID), 4_000_000_000_000, held_by)
        printed = world.says("status", ID)
        # In the timeline, and in the sentence below it.
        assert ("It is the first for its recipient" in printed, printed.count("waits for ")) == (True, 2), held_by


def test_a_text_that_waits_for_a_pause_or_a_breaker_says_since_when_and_why(world: World) -> None:
    world.accept(ID)
    far = 4_000_000_000_000
    world.stack.limits.open_breaker(NOW_MS, far, "20100 Insufficient Funds")
    printed = world.says("status", ID)
    assert "waits for the breaker. The breaker is open since" in printed
    assert "20100 Insufficient Funds. One text tries again at 2096-10-02" in printed
    world.stack.limits.pause(NOW_MS, "wrong template")
    assert "waits for the pause to end. Sending is paused since" in world.says("status", ID)
    assert "wrong template" in world.says("status", ID)


def test_of_an_unknown_outcome_it_says_what_settles_it_and_whether_it_was_asked_for_again(world: World) -> None:
    world.accept(ID)
    claim = world.stack.messages.claim(ID, "claim", NOW_MS)
    assert claim.message
    world.stack.messages.ambiguous(claim.message, Fault("provider_no_answer", "No answer"), NOW_MS)
    assert "Failing these, its request is repeated, under the same idempotency key" in world.says("status", ID)

    unknown = world.stack.messages.get(ID)
    assert unknown
    assert world.stack.messages.mark_replayed(unknown, NOW_MS)
    assert "It was repeated 1 time so far" in world.says("status", ID)

    assert world.stack.messages.forbid(unknown)
    assert "Its request is not repeated any more" in world.says("status", ID)


def test_an_unknown_id_is_one_line_and_exit_code_1(world: World) -> None:
    result = world.run("status", "nothing")
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Stack long-code-test in eu-west-1 has no message nothing. Is it the right stack?"
    ]

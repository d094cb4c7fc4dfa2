"""`longcode requeue`: which texts it takes for lost, when it refuses, and what it puts into the queue."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from longcode.aws import queue
from longcode.aws.queue import SqsQueue
from longcode.domain.message import iso
from longcode.use_cases.backlog import put_back, waiting
from longcode.use_cases.ports import Waiting
from longcode_cli import queues
from longcode_cli.commands import requeue
from longcode_cli.quiet import Uncounted
from tests.longcode_cli.world import NOW_MS, OTHERS, THEIRS, World, ident
from tests.support.places import placed

pytestmark = pytest.mark.disable_socket

MINUTE = 60_000


def _ago(duration_ms: int) -> int:
    return time.time_ns() // 1_000_000 - duration_ms


@pytest.fixture
def purged(world: World) -> World:
    """Two to one person, of which the later was stored first, one to another; and an empty queue."""
    world.accept(ident(2), accepted_ms=_ago(5 * MINUTE))
    world.accept(ident(1), accepted_ms=_ago(9 * MINUTE))
    world.accept(ident(3), to=OTHERS, accepted_ms=_ago(7 * MINUTE))
    # What left waits no more.
    world.submit(ident(4), "telnyx-4")
    return world


def _queued(world: World) -> Iterator[tuple[str, str | None]]:
    """Recipient and message id of what is in the queue, in the order in which it is received."""
    while found := queues.receive(world.stack.sqs, world.stack.queue_url, hidden_s=60):
        for message in found:
            yield message["Attributes"]["MessageGroupId"], queue.read_body(message["Body"])


def _put(world: World, number: int, to: str = THEIRS) -> None:
    put_back([Waiting(ident(number), to, placed(NOW_MS))], world.stack.queues, Uncounted(), mark="first")


def _depth(world: World) -> int:
    return queues.depth(world.stack.sqs, world.stack.queue_url).total


def _refused(world: World, *arguments: str) -> str:
    result = world.run("requeue", *arguments)
    assert result.exit_code == 1, result.output
    return " ".join(result.stderr.split())


def test_what_waits_goes_back_each_line_in_the_order_of_acceptance(purged: World) -> None:
    assert purged.says("requeue") == "3 texts to 2 recipients put back, accepted over a minute ago."
    found = list(_queued(purged))
    assert [one for to, one in found if to == THEIRS] == [ident(1), ident(2)]
    assert [one for to, one in found if to == OTHERS] == [ident(3)]


def test_a_dry_run_says_whose_texts_and_puts_none_back(purged: World) -> None:
    printed = purged.says("requeue", "--dry-run")
    assert printed.startswith(
        "3 texts to 2 recipients in stack long-code-test in eu-west-1, accepted over a minute ago."
    )
    assert "Nothing was put back." in printed
    assert re.search(r"to texts oldest \+1…23 2 9 min( \d s)? \+1…24 1 7 min", printed)
    assert THEIRS in purged.says("requeue", "--dry-run", "--full")
    assert _depth(purged) == 0


def test_a_dry_run_shows_so_many_lines_and_counts_the_rest(world: World) -> None:
    for number in range(23):
        world.accept(ident(number), f"+120255501{number:02}", NOW_MS - 10**9 + number)
    printed = world.says("requeue", "--dry-run")
    assert printed.startswith("23 texts to 23 recipients")
    assert printed.endswith("… and 3 more recipients.")


def test_where_no_text_waits_there_is_nothing_to_put_back(world: World) -> None:
    world.submit(ident(1), "telnyx-1")
    assert world.says("requeue") == "No text waits that was accepted over a minute ago."
    then = iso(_ago(MINUTE))
    assert (
        world.says("requeue", "--purged-at", then)
        == f"No text waits that was accepted up to a minute after {then}."
    )
    assert _depth(world) == 0


def test_what_was_accepted_a_moment_ago_may_not_have_come_to_the_queue_yet(world: World) -> None:
    world.accept(ident(1), accepted_ms=_ago(30_000))
    said = _refused(world)
    assert said.startswith("1 text accepted in the last minute may be lost as well.")
    assert "in a minute: longcode requeue --purged-at 20" in said
    world.accept(ident(2), to=OTHERS, accepted_ms=_ago(70_000))
    # What is put back now, SQS may still purge: the operator sees that not all is well.
    assert _refused(world).startswith("1 text accepted in the last minute")
    assert list(_queued(world)) == [(OTHERS, ident(2))]


@pytest.mark.parametrize("hidden", [False, True], ids=["ready", "in-flight"])
def test_a_queue_that_is_not_empty_may_have_lost_nothing(purged: World, hidden: bool) -> None:
    _put(purged, 9)
    if hidden:
        queues.receive(purged.stack.sqs, purged.stack.queue_url, hidden_s=60)
    for arguments in ((), ("--dry-run",)):
        said = _refused(purged, *arguments)
        assert said.startswith("The queue holds about 1, so it may have lost nothing. Was it purged?")
        assert "--purged-at TIME" in said
    assert _depth(purged) == 1


def test_who_says_when_it_was_purged_gets_back_what_was_accepted_before(purged: World) -> None:
    _put(purged, 9)
    then = iso(_ago(6 * MINUTE + 30_000))
    assert (
        purged.says("requeue", "--purged-at", then)
        == f"2 texts to 2 recipients put back, accepted up to a minute after {then}."
    )
    found = list(_queued(purged))
    # Behind what was accepted since.
    assert [one for to, one in found if to == THEIRS] == [ident(9), ident(1)]
    assert [one for to, one in found if to == OTHERS] == [ident(3)]


def test_sqs_goes_on_purging_for_a_minute_so_texts_of_that_minute_are_lost_as_well(purged: World) -> None:
    assert purged.says("requeue", "--purged-at", iso(_ago(5 * MINUTE + 30_000))).startswith("3 texts")


def test_a_purge_that_is_still_to_come_is_none(purged: World) -> None:
    assert _refused(purged, "--purged-at", iso(_ago(-2 * MINUTE))).startswith("--purged-at is in the future.")


def test_within_that_minute_it_is_too_early(purged: World) -> None:
    said = _refused(purged, "--purged-at", datetime.now(UTC).isoformat())
    assert said.startswith("SQS may still be purging, also what is put back now. Run it again in ")
    assert _depth(purged) == 0


@pytest.mark.parametrize("time", ["tonight", "2026-11-25T21:00:00", "2026-11-25"])
def test_a_time_that_is_none_or_of_no_zone_is_a_wrong_option(purged: World, time: str) -> None:
    result = purged.run("requeue", "--purged-at", time)
    assert result.exit_code == 2
    assert "--purged-at" in result.stderr


def test_dead_letters_are_for_a_redrive_first(purged: World) -> None:
    purged.die(ident(1))
    said = _refused(purged)
    assert said.startswith("Texts among the dead letters (1) wait as well")
    assert "longcode redrive" in said
    assert _depth(purged) == 0

    # They may be such as no redrive can put back. The purge is certain.
    result = purged.run("requeue", "--purged-at", iso(_ago(2 * MINUTE)))
    assert result.exit_code == 0
    assert "3 texts to 2 recipients put back" in result.stdout
    assert "1 text among the dead letters may be in the queue as well now." in " ".join(result.stderr.split())


def test_sqs_can_not_take_it_for_one_that_it_saw_within_its_five_minutes(purged: World) -> None:
    at = purged.stack
    seen: list[str] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        seen.extend(row["MessageDeduplicationId"] for row in params["Entries"])

    at.sqs.meta.events.register("provide-client-params.sqs.SendMessageBatch", note)
    first = at.messages.get(ident(1))
    assert first
    SqsQueue(at.sqs, at.queue_url).put([waiting(first)])
    for now_ms in (NOW_MS, NOW_MS + 1):
        assert list(requeue.requeue(at, [Waiting(ident(1), THEIRS, placed(NOW_MS))], now_ms)) == [1]
    assert len(set(seen)) == 3


def test_it_says_what_they_wait_for(purged: World) -> None:
    purged.run("pause", "--reason", "purged")
    assert "accepted over a minute ago. They wait: Sending is paused since" in purged.says("requeue")


def test_one_that_is_stopped_midway_is_made_good_by_the_next(world: World) -> None:
    at = world.stack
    texts = [
        Waiting(ident(10 * recipient + number), f"+1202555011{recipient}", placed(number))
        for recipient in (1, 2, 3)
        for number in range(5)
    ]
    sent: list[Any] = []

    def stop_at_the_second(**_: Any) -> None:
        sent.append(None)
        if len(sent) == 2:
            raise KeyboardInterrupt

    at.sqs.meta.events.register("before-call.sqs.SendMessageBatch", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        list(requeue.requeue(at, texts, NOW_MS))
    assert _depth(world) == 10

    assert list(requeue.requeue(at, texts, NOW_MS + 1)) == [15]

    # Some are there twice, which does no harm, and none is missing.
    assert {one for _, one in _queued(world)} == {text.message_id for text in texts}

"""What a restart keeps: accepted texts, idempotency keys, the log, opt-outs, the signing key."""

import json
from pathlib import Path

import pytest

from local.carrier.keys import KeyFileInvalid, load_or_make, public_key
from local.carrier.ledger import Journal, Ledger
from tests.carrier.world import RECIPIENT, Inbox, Running, eventually

pytestmark = pytest.mark.enable_socket


def settled(carrier: Running) -> None:
    eventually(lambda: carrier.client.get("/_carrier/webhooks").json()["pending"] == 0)


def test_a_restart_remembers_texts_keys_log_and_opt_outs(tmp_path: Path) -> None:
    first = Running(tmp_path)
    try:
        answer = first.send(key="k-1")
        first.control("inbound", **{"from": "+12025550124"}, text="STOP")
        settled(first)
        log = first.requests()
    finally:
        first.stop()
    second = Running(tmp_path)
    try:
        assert second.requests() == log
        assert second.status(answer.json()["data"]["id"]) == "delivered"
        replay = second.send(key="k-1")
        assert replay.content == answer.content
        assert replay.headers["idempotent-replayed"] == "true"
        assert second.send("+12025550124").json()["errors"][0]["code"] == "40300"
        assert [row["seq"] for row in second.requests()] == [1, 2]
    finally:
        second.stop()


def test_a_restart_goes_on_with_what_was_unfinished(tmp_path: Path, inbox: Inbox) -> None:
    first = Running(tmp_path)
    try:
        inbox.statuses["/hook"] = 500
        message_id = first.send(webhook_url=f"{inbox.url}/hook").json()["data"]["id"]
        first.control("faults", webhook="delay", event_type="message.finalized", seconds=30)
        seen = inbox.wait(1)[0].event_id
    finally:
        first.stop()
    inbox.hooks.clear()
    inbox.statuses.clear()
    second = Running(tmp_path)
    try:
        settled(second)
        assert second.status(message_id) == "delivered"
        events = {hook.event: hook.event_id for hook in inbox.at("/hook")}
        assert "message.finalized" in events
        # An event that is announced again is the same event, so the receiver can tell.
        assert events.get("message.sent", seen) == seen
    finally:
        second.stop()


def test_a_settled_text_is_not_announced_again_by_a_restart(tmp_path: Path, inbox: Inbox) -> None:
    first = Running(tmp_path)
    try:
        first.send(webhook_url=f"{inbox.url}/hook")
        settled(first)
    finally:
        first.stop()
    assert len(inbox.hooks) == 2
    second = Running(tmp_path)
    try:
        settled(second)
        assert len(inbox.hooks) == 2
    finally:
        second.stop()


def test_a_line_cut_off_by_a_crash_is_dropped_and_the_rest_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(Journal(path))
    ledger.hear(RECIPIENT, "STOP", "2026-07-01T12:00:00.000+00:00")
    ledger.close()
    with path.open("a") as file:
        file.write('{"optout":"+120255')
    ledger = Ledger(Journal(path))
    ledger.hear("+12025550124", "STOP", "2026-07-01T12:00:00.000+00:00")
    ledger.close()
    assert set(Ledger(Journal(path)).optouts) == {RECIPIENT, "+12025550124"}
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_reset_empties_the_file_too(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(Journal(path))
    ledger.hear(RECIPIENT, "STOP", "2026-07-01T12:00:00.000+00:00")
    ledger.reset()
    assert Ledger(Journal(path)).optouts == {}


def test_the_key_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "carrier.key"
    first = load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_key(load_or_make(path)) == public_key(first)


@pytest.mark.parametrize("content", [b"", b"not base64!", b"c2hvcnQ=", b"\xff"])
def test_a_key_file_with_something_else_in_it_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "carrier.key"
    path.write_bytes(content)
    with pytest.raises(KeyFileInvalid):
        load_or_make(path)
    assert path.read_bytes() == content

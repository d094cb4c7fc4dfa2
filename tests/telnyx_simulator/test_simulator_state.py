"""What a restart keeps: accepted texts, idempotency keys, the log, opt-outs, the signing key."""

import json
from pathlib import Path

import pytest

from devtools.telnyx_simulator.keys import KeyFileInvalid, load_or_make, public_key
from devtools.telnyx_simulator.ledger import Journal, Ledger
from tests.telnyx_simulator.world import RECIPIENT, Inbox, Running, eventually

pytestmark = pytest.mark.enable_socket


def settled(provider: Running) -> None:
    eventually(lambda: provider.client.get("/_provider/webhooks").json()["pending"] == 0)


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
        # Slow refusals keep the first event under way until the provider is stopped.
        inbox.statuses["/hook"], inbox.delays_s["/hook"] = 500, 3.0
        message_id = first.send(webhook_url=f"{inbox.url}/hook").json()["data"]["id"]
        seen = inbox.wait(1)[0].event_id
    finally:
        first.stop()
    inbox.statuses.clear()
    inbox.delays_s.clear()
    before = len(inbox.hooks)
    second = Running(tmp_path)
    try:
        settled(second)
        assert second.status(message_id) == "delivered"
        sent, final = inbox.at("/hook")[before:]
        assert (sent.event, final.event) == ("message.sent", "message.finalized")
        # An event that is announced again is the same event, so the receiver can tell.
        assert sent.event_id == seen
    finally:
        second.stop()


def test_a_text_delivered_at_once_is_not_taken_back_by_its_own_sent(tmp_path: Path) -> None:
    provider = Running(tmp_path)
    try:
        provider.send("+12025550147")
        settled(provider)
    finally:
        provider.stop()
    entries = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    changes = [entry["changes"].get("status") for entry in entries if "advance" in entry]
    assert changes == [None, "delivered"]


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
    path = tmp_path / "deep" / "provider.key"
    first = load_or_make(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_key(load_or_make(path)) == public_key(first)


@pytest.mark.parametrize("content", [b"", b"not base64!", b"c2hvcnQ=", b"\xff"])
def test_a_key_file_with_something_else_in_it_is_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "provider.key"
    path.write_bytes(content)
    with pytest.raises(KeyFileInvalid):
        load_or_make(path)
    assert path.read_bytes() == content

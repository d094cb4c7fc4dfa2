"""Webhooks: what they say, how they are signed, how often they come."""

import time
from typing import Any

import pytest

from tests.telnyx_simulator.world import Hook, Inbox, Running, eventually

pytestmark = pytest.mark.enable_socket


def send(provider: Running, inbox: Inbox, to: str = "+12025550123", **fields: Any) -> str:
    answer = provider.send(to, webhook_url=f"{inbox.url}/hook", **fields)
    return str(answer.json()["data"]["id"])


def settled(provider: Running) -> None:
    """Wait until nothing is under way: nothing more can come."""

    def quiet() -> bool:
        state = provider.client.get("/_provider/webhooks").json()
        return state["pending"] == 0 and bool(state["webhooks"])

    eventually(quiet)


def test_a_text_is_announced_as_sent_and_then_as_finalized(provider: Running, inbox: Inbox) -> None:
    message_id = send(provider, inbox)
    sent, final = inbox.wait(2)
    assert (sent.event, sent.status) == ("message.sent", "sent")
    assert (final.event, final.status) == ("message.finalized", "delivered")
    assert sent.event_id != final.event_id
    assert {hook.body["data"]["payload"]["id"] for hook in (sent, final)} == {message_id}
    assert sent.body["data"]["payload"]["completed_at"] is None
    assert final.body["data"]["payload"]["completed_at"]
    assert final.body["meta"] == {"attempt": 1, "delivered_to": f"{inbox.url}/hook"}


def test_the_signed_body_echoes_the_messages_own_webhook_url(provider: Running, inbox: Inbox) -> None:
    provider.send(webhook_url=f"{inbox.url}/hook/our-id")
    for hook in inbox.wait(2, "/hook/our-id"):
        assert hook.body["data"]["payload"]["webhook_url"] == f"{inbox.url}/hook/our-id"


def test_every_webhook_is_signed_over_its_timestamp_and_raw_body(provider: Running, inbox: Inbox) -> None:
    send(provider, inbox, text="Grüße, 世界 😀")
    for hook in inbox.wait(2):
        assert hook.is_signed_with(provider.public_key)
        assert abs(time.time() - int(hook.timestamp)) < 5


def test_the_status_does_not_wait_for_the_webhook(provider: Running, inbox: Inbox) -> None:
    inbox.statuses["/hook"] = 500
    message_id = send(provider, inbox)
    eventually(lambda: provider.status(message_id) == "delivered")
    assert provider.status(message_id) == "delivered"


@pytest.mark.parametrize("status", [201, 202, 204, 301, 401, 500])
def test_anything_but_200_is_tried_three_times_and_then_gone(provider: Running, inbox: Inbox, status: int) -> None:
    inbox.statuses["/hook"] = status
    send(provider, inbox, "+12025550144")
    settled(provider)
    hooks = inbox.at("/hook")
    assert [hook.attempt for hook in hooks] == [1, 2, 3]
    assert len({hook.event_id for hook in hooks}) == 1
    assert all(hook.is_signed_with(provider.public_key) for hook in hooks)


def test_an_answer_after_the_time_limit_is_no_answer(inbox: Inbox) -> None:
    inbox.delays_s["/hook"] = 0.4
    # The only one that does not wait as long as a busy machine may need.
    hasty = Running(webhook_timeout_s=0.25)
    try:
        message_id = send(hasty, inbox, "+12025550144")
        eventually(lambda: hasty.attempts(message_id)[2:])
        attempts = hasty.attempts(message_id)
    finally:
        hasty.stop()
    assert [(row["attempt"], row["error"], row["http_status"]) for row in attempts] == [
        (attempt, "timeout", None) for attempt in (1, 2, 3)
    ]


def test_the_failover_url_gets_three_attempts_after_the_first_has_had_its_own(
    provider: Running, inbox: Inbox
) -> None:
    inbox.statuses |= {"/hook": 500, "/failover": 500}
    send(provider, inbox, "+12025550144", webhook_failover_url=f"{inbox.url}/failover")
    settled(provider)
    assert [(hook.path, hook.attempt) for hook in inbox.hooks] == [
        *(("/hook", attempt) for attempt in (1, 2, 3)),
        *(("/failover", attempt) for attempt in (4, 5, 6)),
    ]
    assert inbox.hooks[-1].body["meta"]["delivered_to"] == f"{inbox.url}/failover"


def test_a_refused_connection_goes_on_to_the_failover_url(provider: Running, inbox: Inbox) -> None:
    provider.send(
        "+12025550144",
        webhook_url="http://127.0.0.1:1/hook",
        webhook_failover_url=f"{inbox.url}/failover",
    )
    [hook] = inbox.wait(1, "/failover")
    assert hook.attempt == 4


def test_no_attempt_follows_the_one_that_succeeds(provider: Running, inbox: Inbox) -> None:
    inbox.script[:] = [500, 200]
    send(provider, inbox, "+12025550144")
    settled(provider)
    assert [hook.attempt for hook in inbox.at("/hook")] == [1, 2]


def test_a_text_without_a_url_uses_the_profiles(provider: Running, inbox: Inbox) -> None:
    provider.control("profile", webhook_url=f"{inbox.url}/profile")
    provider.send()
    assert [hook.event for hook in inbox.wait(2, "/profile")] == [
        "message.sent",
        "message.finalized",
    ]


def test_a_text_can_refuse_the_profiles_webhooks(provider: Running, inbox: Inbox) -> None:
    provider.control("profile", webhook_url=f"{inbox.url}/profile")
    provider.send("+12025550124", use_profile_webhooks=False)
    settled(provider)
    assert inbox.at("/profile") == []


def test_the_profiles_url_is_the_last_resort_of_a_text_with_its_own(provider: Running, inbox: Inbox) -> None:
    provider.control("profile", webhook_url=f"{inbox.url}/profile")
    inbox.statuses["/hook"] = 500
    send(provider, inbox, "+12025550144")
    assert inbox.wait(1, "/profile")[0].attempt == 4


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("programmed", [True, False])
def test_a_doubled_webhook_comes_twice_with_one_event_id(
    provider: Running, inbox: Inbox, *, programmed: bool
) -> None:
    if programmed:
        provider.control("faults", webhook="double", times=2)
    send(provider, inbox, "+12025550123" if programmed else "+12025550130")
    hooks = inbox.wait(4)
    assert [hook.event for hook in hooks] == ["message.sent"] * 2 + ["message.finalized"] * 2
    assert len({hook.event_id for hook in hooks}) == 2


@pytest.mark.parametrize("programmed", [True, False])
def test_reordered_webhooks_say_finalized_before_sent(
    provider: Running, inbox: Inbox, *, programmed: bool
) -> None:
    if programmed:
        provider.control("faults", webhook="reorder")
    send(provider, inbox, "+12025550123" if programmed else "+12025550131")
    assert [hook.status for hook in inbox.wait(2)] == ["delivered", "sent"]


def test_a_lost_receipt_leaves_only_the_read_back(provider: Running, inbox: Inbox) -> None:
    provider.control("faults", webhook="lose", event_type="message.finalized")
    message_id = send(provider, inbox)
    eventually(lambda: provider.status(message_id) == "delivered")
    settled(provider)
    assert [hook.event for hook in inbox.hooks] == ["message.sent"]


def test_a_number_can_lose_all_its_webhooks(provider: Running, inbox: Inbox) -> None:
    message_id = send(provider, inbox, "+12025550132")
    eventually(lambda: provider.status(message_id) == "delivered")
    settled(provider)
    assert inbox.hooks == []


def test_a_delayed_webhook_is_overtaken_by_the_next(provider: Running, inbox: Inbox) -> None:
    provider.control("faults", webhook="delay", event_type="message.sent", seconds=0.3)
    send(provider, inbox)
    assert [hook.event for hook in inbox.wait(2)] == ["message.finalized", "message.sent"]


def test_a_forged_webhook_has_a_well_formed_signature_of_another_key(provider: Running, inbox: Inbox) -> None:
    provider.control("faults", webhook="forge", event_type="message.sent")
    send(provider, inbox)
    sent, final = inbox.wait(2)
    assert not sent.is_signed_with(provider.public_key)
    assert final.is_signed_with(provider.public_key)


def test_a_refused_forgery_is_followed_by_the_real_webhook(provider: Running, inbox: Inbox) -> None:
    inbox.statuses["/hook"] = 401
    send(provider, inbox, "+12025550133")
    forged, real, *_ = inbox.wait(2)
    assert forged.event_id == real.event_id
    assert [hook.is_signed_with(provider.public_key) for hook in (forged, real)] == [False, True]


@pytest.mark.parametrize(("asked", "age"), [({}, 600), ({"seconds": 290}, 290)])
def test_a_stale_webhook_is_well_signed_and_old(
    provider: Running, inbox: Inbox, asked: dict[str, int], age: int
) -> None:
    provider.control("faults", webhook="stale", **asked)
    send(provider, inbox)
    hook = inbox.wait(1)[0]
    assert hook.is_signed_with(provider.public_key)
    assert abs(time.time() - int(hook.timestamp) - age) < 5


def test_the_stale_number_sends_an_old_one_first(provider: Running, inbox: Inbox) -> None:
    send(provider, inbox, "+12025550134")

    def first_attempts() -> list[Hook]:
        return [hook for hook in inbox.at("/hook") if hook.body["meta"]["attempt"] == 1]

    eventually(first_attempts)
    assert all(time.time() - int(hook.timestamp) > 500 for hook in first_attempts())


def test_a_truncated_webhook_is_well_signed_and_not_json(provider: Running, inbox: Inbox) -> None:
    provider.control("faults", webhook="truncate")
    send(provider, inbox)
    hook = inbox.wait(1)[0]
    assert hook.is_signed_with(provider.public_key)
    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        assert hook.body


def test_a_webhook_fault_can_be_for_one_number(provider: Running, inbox: Inbox) -> None:
    provider.control("faults", webhook="lose", to="+12025550124", times=None)
    send(provider, inbox, "+12025550124")
    send(provider, inbox, "+12025550125")
    settled(provider)
    numbers = {hook.body["data"]["payload"]["to"][0]["phone_number"] for hook in inbox.hooks}
    assert numbers == {"+12025550125"}


def test_each_attempt_is_logged_with_its_answer(provider: Running, inbox: Inbox) -> None:
    inbox.statuses["/hook"] = 503
    message_id = send(provider, inbox, "+12025550144")
    attempts = eventually(lambda: provider.attempts(message_id)[2:] and provider.attempts(message_id))
    assert [(row["attempt"], row["http_status"]) for row in attempts] == [
        (1, 503),
        (2, 503),
        (3, 503),
    ]
    assert all(row["latency_ms"] > 0 for row in attempts)

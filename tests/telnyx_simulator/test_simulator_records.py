"""Reading back, cancelling, and the control API's own records."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from devtools.telnyx_simulator.ledger import READ_BACK_S, Ledger, Message, Recipient
from devtools.telnyx_simulator.settings import PROFILE_ID
from tests.telnyx_simulator.world import API_KEY, OURS, RECIPIENT, Inbox, Running, eventually

pytestmark = pytest.mark.enable_socket


def detail_records(provider: Running, **filters: str) -> list[dict[str, object]]:
    params = {"filter[record_type]": "messaging"} | {f"filter[{name}]": value for name, value in filters.items()}
    rows: list[dict[str, object]] = provider.get("/v2/detail_records", **params)["data"]
    return rows


def test_the_answer_says_what_the_text_is(provider: Running) -> None:
    text = "€" * 81
    data = provider.send(text=text).json()["data"]
    assert (data["encoding"], data["num_chars"], data["parts"]) == ("GSM-7", 81, 2)
    assert data["cost"] == {"amount": "0.0102", "currency": "USD"}
    assert (data["to"][0]["status"], data["wait_seconds"], data["errors"]) == ("queued", 0.0, [])
    life = datetime.fromisoformat(data["valid_until"]) - datetime.fromisoformat(data["received_at"])
    assert life == timedelta(hours=1)


def test_every_answer_has_rate_limit_headers(provider: Running) -> None:
    headers = provider.send().headers
    assert int(headers["x-ratelimit-remaining"]) < int(headers["x-ratelimit-limit"])
    assert headers["x-ratelimit-reset"]


def test_a_message_reads_back_by_its_id_with_its_status(provider: Running) -> None:
    message_id = provider.send().json()["data"]["id"]
    eventually(lambda: provider.status(message_id) == "delivered")
    assert provider.get(f"/v2/messages/{message_id}")["data"]["completed_at"]


def test_an_unknown_message_is_10005(provider: Running) -> None:
    answer = provider.get("/v2/messages/9e9fbd1c-0d5e-4f6a-8c9b-7e1d2a3c4b50")
    assert answer["errors"][0]["code"] == "10005"


def test_a_message_reads_back_for_ten_days_and_not_longer() -> None:
    ledger = Ledger()
    ledger.take(Message({"id": "m", "to": [{"phone_number": RECIPIENT}]}, 5.0, "delivered"))
    assert ledger.message("m", 5.0 + READ_BACK_S - 1) is not None
    assert ledger.message("m", 5.0 + READ_BACK_S) is None


def test_a_detail_record_carries_the_webhook_url_by_which_a_text_is_found(provider: Running, inbox: Inbox) -> None:
    url = f"{inbox.url}/hook/our-id"
    message_id = provider.send(webhook_url=url).json()["data"]["id"]
    [record] = eventually(lambda: detail_records(provider, cld=RECIPIENT, status="delivered"))
    assert (record["uuid"], record["delivery_status_webhook_url"]) == (message_id, url)
    assert detail_records(provider, cld="+12025550124") == []


@pytest.mark.parametrize(
    "params",
    [{}, {"filter[record_type]": "fax"}, {"filter[record_type]": "messaging", "filter[to]": "x"}],
)
def test_detail_records_need_a_record_type_and_known_filters(provider: Running, params: dict[str, str]) -> None:
    assert provider.get("/v2/detail_records", **params)["errors"][0]["code"] == "10015"


def test_detail_records_come_in_pages(provider: Running) -> None:
    for _ in range(3):
        provider.send()
    eventually(lambda: len(detail_records(provider)) == 3)
    params = {"filter[record_type]": "messaging", "page[size]": "2", "page[number]": "2"}
    answer = provider.get("/v2/detail_records", **params)
    assert len(answer["data"]) == 1
    assert (answer["meta"]["total_pages"], answer["meta"]["total_results"]) == (2, 3)


def test_detail_records_are_of_a_time_and_in_an_order(provider: Running) -> None:
    first, last = (provider.send().json()["data"]["id"] for _ in range(2))
    eventually(lambda: len(detail_records(provider)) == 2)
    params = {"filter[record_type]": "messaging"}

    def ids(**more: str) -> list[str]:
        return [row["uuid"] for row in provider.get("/v2/detail_records", **params, **more)["data"]]

    assert ids(sort="created_at") == [first, last]
    assert ids(sort="-created_at") == [last, first]
    today = datetime.now(UTC)
    since, until = "filter[created_at][gte]", "filter[created_at][lt]"
    assert len(ids(**{since: (today - timedelta(days=1)).date().isoformat()})) == 2
    assert ids(**{since: (today + timedelta(days=1)).date().isoformat()}) == []
    assert ids(**{until: (today - timedelta(days=1)).date().isoformat()}) == []
    assert provider.get("/v2/detail_records", **params, sort="cost")["errors"][0]["code"] == "10015"


def test_a_scheduled_message_can_be_cancelled_and_others_cannot(provider: Running) -> None:
    due = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    scheduled = provider.send(send_at=due).json()["data"]
    assert scheduled["to"][0]["status"] == "scheduled"
    headers = {"authorization": f"Bearer {API_KEY}"}
    cancelled = provider.client.delete(f"/v2/messages/{scheduled['id']}", headers=headers)
    assert cancelled.json()["to"][0]["status"] == "cancelled"
    assert provider.status(scheduled["id"]) == "cancelled"
    plain = provider.send().json()["data"]["id"]
    assert provider.client.delete(f"/v2/messages/{plain}", headers=headers).status_code == 403
    assert provider.client.delete("/v2/messages/none", headers=headers).status_code == 404


def test_the_balance_tells_whether_a_key_is_good(provider: Running) -> None:
    assert provider.get("/v2/balance")["data"]["currency"] == "USD"
    for headers in ({}, {"authorization": "Bearer KEY_other"}):
        refused = provider.client.get("/v2/balance", headers=headers)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (401, "10009")


def test_a_number_is_found_by_itself_with_its_profile(provider: Running) -> None:
    [row] = provider.get("/v2/phone_numbers/messaging", **{"filter[phone_number]": OURS})["data"]
    assert row["phone_number"] == OURS
    profile = provider.get(f"/v2/messaging_profiles/{row['messaging_profile_id']}")["data"]
    assert (profile["id"], profile["enabled"]) == (row["messaging_profile_id"], True)
    assert (profile["webhook_api_version"], profile["webhook_url"]) == ("2", None)


def test_a_number_or_profile_of_another_account_is_not_there(provider: Running) -> None:
    other = provider.get("/v2/phone_numbers/messaging", **{"filter[phone_number]": "+12025550199"})
    assert (other["data"], other["meta"]["total_results"]) == ([], 0)
    missing = provider.get("/v2/messaging_profiles/9e9fbd1c-0d5e-4f6a-8c9b-7e1d2a3c4b50")
    assert missing["errors"][0]["code"] == "10005"
    unknown = provider.get("/v2/phone_numbers/messaging", **{"filter[number]": OURS})
    assert unknown["errors"][0]["code"] == "10015"


def test_a_profile_shows_what_was_set_in_the_portal(provider: Running) -> None:
    profile = f"/v2/messaging_profiles/{PROFILE_ID}"
    provider.control("profile", webhook_url="https://example.com/hook", webhook_api_version="1")
    found = provider.get(profile)["data"]
    assert (found["webhook_url"], found["webhook_api_version"]) == ("https://example.com/hook", "1")


@pytest.mark.parametrize(("setting", "code"), [("assigned", "40300"), ("enabled", "40312")])
def test_a_number_without_a_working_profile_sends_nothing(provider: Running, setting: str, code: str) -> None:
    provider.control("profile", **{setting: False})
    assert provider.send().json()["errors"][0]["code"] == code
    [number] = provider.get("/v2/phone_numbers/messaging")["data"]
    assert (number["messaging_profile_id"] is None) is (setting == "assigned")
    assert provider.get(f"/v2/messaging_profiles/{PROFILE_ID}")["data"]["enabled"] is (setting != "enabled")
    provider.control("profile", **{setting: True})
    assert provider.send().status_code == 200


def test_the_log_has_each_request_in_order_with_its_arrival(provider: Running) -> None:
    provider.send(key="first")
    provider.send(key="second")
    first, second = provider.requests()
    assert [first["idempotency_key"], second["idempotency_key"]] == ["first", "second"]
    assert first["arrived_monotonic_ms"] < second["arrived_monotonic_ms"]
    assert abs(first["arrived_ms"] / 1000 - datetime.now(UTC).timestamp()) < 5
    after = provider.client.get("/_provider/requests", params={"after": first["seq"]}).json()
    assert [row["seq"] for row in after["requests"]] == [second["seq"]]


def test_the_smallest_gap_is_that_of_the_log(provider: Running) -> None:
    for _ in range(3):
        provider.send()
    arrivals = [row["arrived_monotonic_ms"] for row in provider.requests()]
    gap = min(later - earlier for earlier, later in pairwise(arrivals))
    rows = provider.client.get("/_provider/recipients").json()
    assert rows[RECIPIENT]["count"] == 3
    assert rows[RECIPIENT]["smallest_gap_ms"] == pytest.approx(gap, abs=0.01)


def test_gaps_are_right_whatever_the_order_of_the_decisions() -> None:
    recipient = Recipient()
    for at_ms in (1000.0, 4000.0, 2500.0, 2400.0):
        recipient.add(at_ms)
    assert recipient.gap_ms == 100.0


def test_a_reset_forgets_everything_but_the_profile(provider: Running) -> None:
    provider.control("profile", webhook_url="https://example.com/hook")
    provider.control("faults", outcome="server_error")
    provider.control("inbound", **{"from": RECIPIENT}, text="STOP")
    provider.control("reset")
    assert provider.send(key="again").status_code == 200
    assert len(provider.requests()) == 1
    profile = provider.client.get("/_provider/profile").json()
    assert profile["webhook_url"] == "https://example.com/hook"


def test_memory_is_capped_and_the_oldest_goes_first() -> None:
    ledger = Ledger(cap=2)
    for number in range(3):
        ledger.take(Message({"id": str(number), "to": [{"phone_number": RECIPIENT}]}, 0.0, "delivered"))
    assert list(ledger.messages) == ["1", "2"]

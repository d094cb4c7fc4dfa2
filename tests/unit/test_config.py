"""Settings: read once, and everything that is wrong with them is named at once."""

import base64

import pytest

from longcode.domain import quiet_states
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier
from longcode.domain.destinations import Destination
from longcode.domain.errors import ConfigurationError
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.recipient_limits import RecipientLimit
from longcode.entrypoints.config import Settings

KEY = base64.b64encode(b"k" * 32).decode()
OTHER_KEY = base64.b64encode(b"o" * 32).decode()
GOOD = {
    "MESSAGES_TABLE": "messages",
    "LIMITS_TABLE": "limits",
    "QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/send.fifo",
    "BULK_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/bulk.fifo",
    "DEAD_LETTER_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/dead.fifo",
    "UNPUBLISHED_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/unpublished",
    "EVENT_BUS": "long-code-sms",
    "TELNYX_SECRET_ID": "arn:aws:secretsmanager:us-east-1:123456789012:secret:telnyx",
    "TELNYX_PUBLIC_KEY": KEY,
    "TELNYX_LONG_CODE": "+12025550100",
    "TELNYX_BASE_URL": "https://api.telnyx.com/v2",
}
REQUIRED = sorted(GOOD)


def problems(**changes: str) -> list[str]:
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_env(GOOD | changes)
    assert str(refused.value).startswith("Bad settings: ")
    return refused.value.problems


def test_the_required_settings_are_enough() -> None:
    settings = Settings.from_env(GOOD)

    assert settings.long_code == "+12025550100"
    assert settings.provider_url == "https://api.telnyx.com/v2"
    assert settings.webhook_url == ""
    assert settings.recipient_interval_ms == 1_000
    assert (settings.sender_segment_ms, settings.account_segment_ms) == (0, 0)
    assert settings.max_pending_per_recipient == 100
    assert (settings.validity_minutes, settings.retention_days) == (1_440, 90)
    assert settings.ambiguous_sends == "resolve"
    assert settings.allowed_destinations == (Destination("+1"),)
    assert settings.daily_texts_per_key == 10_000


def test_without_any_setting_every_required_one_is_named() -> None:
    with pytest.raises(ConfigurationError) as refused:
        Settings.from_env({})

    assert sorted(refused.value.problems) == [f"{name} is missing" for name in REQUIRED]


def test_an_empty_setting_is_a_missing_one() -> None:
    for value in ("", "  "):
        named = {name: problems(**{name: value}) for name in REQUIRED}
        assert named == {name: [f"{name} is missing"] for name in REQUIRED}


MALFORMED = [
    ("TELNYX_LONG_CODE", "2025550100"),
    ("TELNYX_LONG_CODE", "+1 202 555 0100"),
    ("TELNYX_LONG_CODE", "+0"),
    ("TELNYX_PUBLIC_KEY", "not base64"),
    ("TELNYX_PUBLIC_KEY", base64.b64encode(b"short").decode()),
    ("TELNYX_PUBLIC_KEY", f"{KEY},not base64"),
    ("TELNYX_PUBLIC_KEY", ","),
    ("TELNYX_BASE_URL", "api.telnyx.com"),
    ("TELNYX_BASE_URL", "ftp://api.telnyx.com"),
    ("WEBHOOK_URL", "example.com/hooks"),
    ("WEBHOOK_URL", "https://"),
    ("WEBHOOK_URL", "https://example.com/" + "x" * 2_000),
    ("WEBHOOK_URL", "https://example.com/a b"),
    ("RECIPIENT_INTERVAL_MS", "fast"),
    ("RECIPIENT_INTERVAL_MS", "-1"),
    ("RECIPIENT_INTERVAL_MS", "1.5"),
    ("SENDER_SEGMENTS_PER_SECOND", "1e3"),
    ("SENDER_SEGMENTS_PER_SECOND", "1000.1"),
    ("SENDER_SEGMENTS_PER_SECOND", "-1"),
    ("ACCOUNT_SEGMENTS_PER_SECOND", "\u0661"),
    ("CAMPAIGN_CLASS", "Z"),
    ("CAMPAIGN_CLASS", "a"),
    ("ATT_SEGMENTS_PER_MINUTE", "0"),
    ("ATT_SEGMENTS_PER_MINUTE", "-75"),
    ("ATT_SEGMENTS_PER_MINUTE", "75.5"),
    ("TMOBILE_SEGMENTS_PER_DAY", "0"),
    ("TMOBILE_SEGMENTS_PER_DAY", "many"),
    ("OTHER_PROVIDERS_SHARE", "100"),
    ("CARRIER_MARGIN", "-1"),
    ("TRANSACTIONAL_SHARE", "150"),
    ("CARRIER_LIMITS", "verizon"),
    ("CARRIER_LIMITS", "verizon=0"),
    ("CARRIER_LIMITS", "att=75"),
    ("CARRIER_LIMITS", "other=30,other=60"),
    ("RECIPIENT_LIMITS", "5"),
    ("RECIPIENT_LIMITS", "51/day"),
    ("NUMBER_LOOKUP", "always"),
    ("MAX_PENDING_PER_RECIPIENT", "0"),
    ("ALLOWED_DESTINATIONS", "+1,44"),
    ("ALLOWED_DESTINATIONS", ","),
    ("DAILY_TEXTS_PER_KEY", "-1"),
    ("DAILY_TEXTS_PER_KEY", "many"),
    ("VALIDITY_MINUTES", "0"),
    ("RETENTION_DAYS", "0"),
    ("RETENTION_DAYS", "9999999999"),
    ("AMBIGUOUS_SENDS", "maybe"),
    ("STATUS_EVENTS", "some"),
    ("MONITORING", "some"),
    ("WEBHOOK_SOURCE_RANGE", "the provider"),
    ("WEBHOOK_SOURCE_RANGE", "192.76.120.200/27"),
    ("WEBHOOK_SOURCE_RANGE", "192.76.120.192/33"),
    ("WEBHOOK_SOURCE_RANGE", "192.76.120.192/27 198.51.100.0/24"),
]


def test_a_malformed_setting_is_named() -> None:
    for name, value in MALFORMED:
        (problem,) = problems(**{name: value})
        assert problem.startswith(f"{name} "), value


def test_limits_of_carriers_are_read() -> None:
    found = Settings.from_env(
        GOOD
        | {
            "CAMPAIGN_CLASS": "T",
            "ATT_SEGMENTS_PER_MINUTE": "70",
            "TMOBILE_SEGMENTS_PER_DAY": "2000",
            "OTHER_PROVIDERS_SHARE": "25",
            "CARRIER_MARGIN": "5",
            "TRANSACTIONAL_SHARE": "10",
            "CARRIER_LIMITS": "verizon=6000, other = 30",
            "NUMBER_LOOKUP": "unknown",
        }
    )

    assert found.campaign == CampaignSettings(
        "T", 70, 2_000, 25, 5, 10, {Carrier.VERIZON: 6_000, Carrier.OTHER: 30}
    )
    assert found.number_lookup == "unknown"
    assert Settings.from_env(GOOD).campaign == CampaignSettings(transactional=20)


def test_a_rate_above_the_accounts_own_is_named() -> None:
    (problem,) = problems(ATT_SEGMENTS_PER_MINUTE="240", ACCOUNT_SEGMENTS_PER_SECOND="3.9")

    assert problem == "ATT_SEGMENTS_PER_MINUTE can't be met: ACCOUNT_SEGMENTS_PER_SECOND comes to 234.0 a minute"


def test_everything_that_is_wrong_is_named_at_once() -> None:
    named = problems(
        MESSAGES_TABLE="",
        TELNYX_LONG_CODE="5550100",
        TELNYX_PUBLIC_KEY="short",
        TELNYX_BASE_URL="nowhere",
        WEBHOOK_URL="nowhere",
        RECIPIENT_INTERVAL_MS="soon",
        AMBIGUOUS_SENDS="maybe",
        ALLOWED_DESTINATIONS="everywhere",
        DAILY_TEXTS_PER_KEY="many",
    )

    assert sorted(problem.split()[0] for problem in named) == [
        "ALLOWED_DESTINATIONS", "AMBIGUOUS_SENDS", "DAILY_TEXTS_PER_KEY", "MESSAGES_TABLE",
        "RECIPIENT_INTERVAL_MS", "TELNYX_BASE_URL", "TELNYX_LONG_CODE", "TELNYX_PUBLIC_KEY", "WEBHOOK_URL",
    ]  # fmt: skip


def test_two_public_keys_are_taken_while_one_is_being_changed() -> None:
    settings = Settings.from_env(GOOD | {"TELNYX_PUBLIC_KEY": f"{KEY}, {OTHER_KEY},"})

    assert [bytes(key) for key in settings.public_keys] == [b"k" * 32, b"o" * 32]


def test_webhooks_are_taken_from_anywhere_unless_their_sources_are_named() -> None:
    assert Settings.from_env(GOOD).webhook_sources == ()
    assert Settings.from_env(GOOD | {"WEBHOOK_SOURCE_RANGE": " "}).webhook_sources == ()

    settings = Settings.from_env(GOOD | {"WEBHOOK_SOURCE_RANGE": "192.76.120.192/27, 2001:db8::/32,"})

    assert [str(network) for network in settings.webhook_sources] == ["192.76.120.192/27", "2001:db8::/32"]


def test_slashes_at_the_end_of_addresses_do_not_matter() -> None:
    settings = Settings.from_env(
        GOOD | {"TELNYX_BASE_URL": "http://127.0.0.1:9/v2/", "WEBHOOK_URL": "https://example.com/hooks/"}
    )

    assert settings.provider_url == "http://127.0.0.1:9/v2"
    assert settings.webhook_url == "https://example.com/hooks"


def test_every_number_can_be_set() -> None:
    settings = Settings.from_env(
        GOOD
        | {
            "RECIPIENT_INTERVAL_MS": "0",
            "SENDER_SEGMENTS_PER_SECOND": "6",
            "ACCOUNT_SEGMENTS_PER_SECOND": "0.05",
            "MAX_PENDING_PER_RECIPIENT": "5",
            "VALIDITY_MINUTES": "60",
            "RETENTION_DAYS": "7",
            "AMBIGUOUS_SENDS": "hold",
            "STATUS_EVENTS": "all",
            "HOLD_ON_UNCLEAR": "true",
        }
    )

    assert settings.recipient_interval_ms == 0
    assert (settings.sender_segment_ms, settings.account_segment_ms) == (167, 20_000)
    assert (settings.max_pending_per_recipient, settings.validity_minutes, settings.retention_days) == (5, 60, 7)
    assert settings.ambiguous_sends == "hold"
    assert settings.status_events == "all"
    assert settings.hold_on_unclear is True


def test_what_one_key_may_do_in_a_day_can_be_set() -> None:
    settings = Settings.from_env(GOOD | {"ALLOWED_DESTINATIONS": "+1,+44:500", "DAILY_TEXTS_PER_KEY": "0"})

    assert settings.allowed_destinations == (Destination("+1"), Destination("+44", 500))
    assert settings.daily_texts_per_key == 0


def test_without_a_sender_its_country_is_no_second_problem() -> None:
    assert problems(TELNYX_LONG_CODE="+") == ["TELNYX_LONG_CODE must be E.164, as +12025550100"]


def test_limits_of_a_recipient_are_off_unless_they_are_set() -> None:
    assert Settings.from_env(GOOD).recipient_limits == ()
    found = Settings.from_env(GOOD | {"RECIPIENT_LIMITS": " 5/15min, 20/day "}).recipient_limits
    assert found == (RecipientLimit(5, 900_000), RecipientLimit(20, 86_400_000))


def test_quiet_hours_are_off_unless_they_are_set() -> None:
    assert Settings.from_env(GOOD).quiet_hours is None
    assert Settings.from_env(GOOD | {"QUIET_HOURS": " 21:00-08:00 "}).quiet_hours == QuietHours(1260, 480)


def test_quiet_hours_that_leave_nothing_open_or_are_none_are_named() -> None:
    for words, problem in (
        ("9pm-8am", "QUIET_HOURS must be two times of day, as 21:00-08:00"),
        ("08:00-08:00", "QUIET_HOURS would never end: it begins and ends at the same time"),
        # From 18:00 until 21:00 Rhode Island allows no text.
        ("21:00-18:00", "QUIET_HOURS leaves no moment of a week in which Rhode Island allows a text"),
    ):
        assert problems(QUIET_HOURS=words) == [problem]
    every = problems(QUIET_HOURS="08:00-07:00")[0]
    assert all(row.name in every for row in quiet_states.table().rows)


def test_webhooks_may_go_to_this_machine_on_the_stack_of_this_machine_alone() -> None:
    for endpoint in ("http://127.0.0.1:4566", "http://localhost:4566/", "https://localhost", "http://[::1]:4566"):
        assert Settings.from_env(GOOD | {"AWS_ENDPOINT_URL": endpoint}).webhooks.allow_loopback, endpoint
    for endpoint in (
        *("", "https://vpce-1.dynamodb.us-east-1.vpce.amazonaws.com", "http://10.0.0.1:4566", "127.0.0.1"),
        *("http://127.0.0.1.example.com", "http://localhost.example.com", "http://127.0.0.1@example.com"),
    ):
        assert not Settings.from_env(GOOD | {"AWS_ENDPOINT_URL": endpoint}).webhooks.allow_loopback, endpoint
    assert Settings.from_env(GOOD).webhooks.table == ""
    assert Settings.from_env(GOOD | {"WEBHOOKS_TABLE": "hooks"}).webhooks.table == "hooks"

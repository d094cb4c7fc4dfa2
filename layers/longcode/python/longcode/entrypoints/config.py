"""The settings of this service, read from the environment once, with every problem named at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from longcode.domain import destinations, pacing, phone
from longcode.domain.campaign import ATT_PER_MINUTE, CampaignSettings
from longcode.domain.carriers import Carrier
from longcode.domain.destinations import Destination
from longcode.domain.errors import ConfigurationError
from longcode.domain.quiet_hours import QuietHours
from longcode.domain.tag_brake import BrakeSetting
from longcode.telnyx import webhook_settings

if TYPE_CHECKING:
    from longcode.domain.recipient_limits import RecipientLimit

# Of a limit that is left to others, or unused.
_MOST_PERCENT = 99
# An emulator of AWS on this machine. No other endpoint makes a stack a local one.
_LOCAL = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?(/|\Z)", re.ASCII)


def provider_key(secret: str) -> str:
    """The provider's API key in what the secret holds. Raises ValueError for one that no header could carry."""
    key = secret.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise ValueError("holds characters that no key has")
    return key


@dataclass(frozen=True, slots=True)
class MediaSettings:
    """Where what people send is stored. Empty where StoreMedia is off, and where a function has no need of it."""

    bucket: str = ""
    queue_url: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template's parameters say. Durations are milliseconds unless the name says otherwise."""

    messages_table: str
    limits_table: str
    queue_url: str
    bulk_queue_url: str
    dead_letter_queue_url: str
    unpublished_queue_url: str
    event_bus: str
    secret_id: str
    public_keys: tuple[bytes, ...]
    long_code: str
    environment: str
    monitoring: Literal["basic", "full"]
    provider_url: str
    webhook_url: str
    recipient_interval_ms: int
    recipient_limits: "tuple[RecipientLimit, ...]"
    sender_segment_ms: int
    account_segment_ms: int
    campaign: CampaignSettings
    number_lookup: Literal["off", "unknown"]
    quiet_hours: QuietHours | None
    tag_brake: BrakeSetting | None
    max_pending_per_recipient: int
    allowed_destinations: tuple[Destination, ...]
    daily_texts_per_key: int
    validity_minutes: int
    retention_days: int
    ambiguous_sends: Literal["resolve", "hold"]
    store_text: Literal["always", "until_final"]
    hold_on_unclear: bool
    status_events: Literal["final", "all"]
    webhook_sources: tuple[webhook_settings.Network, ...]
    webhooks: "WebhookSettings"
    # The id of the API key that the stack itself has, which may do everything; empty where none is called with.
    stack_key_id: str = ""
    media: MediaSettings = MediaSettings()

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read every setting; raises ConfigurationError that names all that is missing or malformed."""
        read = _Reader(env)
        settings = cls(
            messages_table=read.text("MESSAGES_TABLE"),
            limits_table=read.text("LIMITS_TABLE"),
            queue_url=read.text("QUEUE_URL"),
            bulk_queue_url=read.text("BULK_QUEUE_URL"),
            dead_letter_queue_url=read.text("DEAD_LETTER_QUEUE_URL"),
            unpublished_queue_url=read.text("UNPUBLISHED_QUEUE_URL"),
            event_bus=read.text("EVENT_BUS"),
            secret_id=read.text("TELNYX_SECRET_ID"),
            public_keys=read.public_keys(),
            long_code=read.long_code,
            environment=read.optional("ENVIRONMENT", "dev"),
            monitoring=read.either("MONITORING", "basic", "full"),
            provider_url=read.text("TELNYX_BASE_URL", r"https?://\S+", "must be an http(s) URL").rstrip("/"),
            webhook_url=read.webhook_url(),
            recipient_interval_ms=read.number("RECIPIENT_INTERVAL_MS", 1000, 0),
            recipient_limits=read.recipient_limits(),
            sender_segment_ms=pacing.interval_ms(read.rate("SENDER_SEGMENTS_PER_SECOND")),
            account_segment_ms=pacing.interval_ms(read.account),
            campaign=read.campaign(),
            quiet_hours=read.quiet_hours(),
            tag_brake=read.tag_brake(),
            number_lookup=read.either("NUMBER_LOOKUP", "off", "unknown"),
            max_pending_per_recipient=read.number("MAX_PENDING_PER_RECIPIENT", 100, 1),
            allowed_destinations=read.destinations(),
            daily_texts_per_key=read.number("DAILY_TEXTS_PER_KEY", 10_000, 0),
            validity_minutes=read.number("VALIDITY_MINUTES", 1440, 1),
            retention_days=read.number("RETENTION_DAYS", 90, 1),
            ambiguous_sends=read.either("AMBIGUOUS_SENDS", "resolve", "hold"),
            store_text=read.either("STORE_TEXT", "always", "until_final"),
            hold_on_unclear=read.either("HOLD_ON_UNCLEAR", "false", "true") == "true",
            status_events=read.either("STATUS_EVENTS", "final", "all"),
            webhook_sources=read.webhook_sources(),
            stack_key_id=read.optional("STACK_KEY_ID"),
            webhooks=WebhookSettings.read(env),
            media=MediaSettings(read.optional("MEDIA_BUCKET"), read.optional("MEDIA_QUEUE_URL")),
        )
        return read.checked(settings)


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What there is to set of webhooks to the user's own URLs.

    `table` is empty for a function that has nothing to do with them, and `delivery_queue_url` also where nothing
    is delivered (WebhookDeliveries). With `allow_loopback` they may go to the machine itself, and without TLS: on
    the stack of a laptop.
    """

    table: str = ""
    allow_loopback: bool = False
    delivery_queue_url: str = ""

    @classmethod
    def read(cls, env: Mapping[str, str]) -> "WebhookSettings":
        """Read them; none of them can be malformed."""
        local = _LOCAL.match(env.get("AWS_ENDPOINT_URL", "").strip())
        table, queue_url, switch = (
            env.get(name, "").strip() for name in ("WEBHOOKS_TABLE", "DELIVERY_QUEUE_URL", "WEBHOOK_DELIVERIES")
        )
        return cls(table, local is not None, queue_url if switch == "on" else "")


class _Reader:
    """Reads one setting at a time; what is wrong goes into `problems`, and some value is returned all the same."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self.problems: list[str] = []

    def checked(self, settings: Settings) -> Settings:
        if self.problems:
            raise ConfigurationError(self.problems)
        return settings

    def optional(self, name: str, default: str = "") -> str:
        return self._env.get(name, "").strip() or default

    def text(self, name: str, pattern: str = r".+", what: str = "") -> str:
        value = self.optional(name)
        if not value:
            self.problems.append(f"{name} is missing")
        elif not re.fullmatch(pattern, value, re.ASCII):
            self.problems.append(f"{name} {what}")
        return value

    def number(self, name: str, default: int, least: int) -> int:
        value = self.optional(name, str(default))
        if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) or int(value) < least:
            self.problems.append(f"{name} must be a whole number, {least} or more")
            return default
        return int(value)

    def rate(self, name: str) -> Decimal:
        value = self.optional(name, "0")
        if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,4})?", value, re.ASCII) or Decimal(value) > 1000:
            self.problems.append(f"{name} must be a number of segments a second, from 0.0001 to 1000, or 0")
            return Decimal(0)
        return Decimal(value)

    def cap(self, name: str) -> int | None:
        value = self.optional(name)
        if not value:
            return None
        if not re.fullmatch(r"[1-9][0-9]{0,7}", value, re.ASCII):
            self.problems.append(f"{name} must be a whole number of segments, from 1 to 99999999, or empty")
            return None
        return int(value)

    def percent(self, name: str, default: int) -> int:
        value = self.number(name, default, 0)
        if value > _MOST_PERCENT:
            self.problems.append(f"{name} must be percent, from 0 to {_MOST_PERCENT}")
        return min(value, _MOST_PERCENT)

    @cached_property
    def account(self) -> Decimal:
        return self.rate("ACCOUNT_SEGMENTS_PER_SECOND")

    def campaign(self) -> CampaignSettings:
        message_class = self.optional("CAMPAIGN_CLASS")
        if message_class and message_class not in ATT_PER_MINUTE:
            self.problems.append(f"CAMPAIGN_CLASS must be one of {', '.join(ATT_PER_MINUTE)}, or empty")
        att, account = self.cap("ATT_SEGMENTS_PER_MINUTE"), self.account * 60
        if att and 0 < account < att:
            self.problems.append(
                f"ATT_SEGMENTS_PER_MINUTE can't be met: ACCOUNT_SEGMENTS_PER_SECOND comes to {account:f} a minute"
            )
        return CampaignSettings(
            campaign_class=message_class,
            att_per_minute=att,
            t_mobile_per_day=self.cap("TMOBILE_SEGMENTS_PER_DAY"),
            other_providers=self.percent("OTHER_PROVIDERS_SHARE", 0),
            margin=self.percent("CARRIER_MARGIN", 3),
            transactional=self.percent("TRANSACTIONAL_SHARE", 20),
            per_minute=self._per_minute(),
        )

    def _per_minute(self) -> dict[Carrier, int]:
        found: dict[Carrier, int] = {}
        ours = [carrier for carrier in Carrier if carrier not in (Carrier.ATT, Carrier.T_MOBILE)]
        for part in _parts(self.optional("CARRIER_LIMITS")):
            match = re.fullmatch(r"([a-z_]+) *= *([1-9][0-9]{0,5})", part, re.ASCII)
            if not match or match[1] not in ours or Carrier(match[1]) in found:
                self.problems.append(
                    f"CARRIER_LIMITS must be segments a minute, each of {', '.join(ours)} once, as verizon=6000"
                )
                break
            found[Carrier(match[1])] = int(match[2])
        return found

    def either[A: str, B: str](self, name: str, default: A, other: B) -> A | B:
        value = self.optional(name, default)
        if value not in (default, other):
            self.problems.append(f"{name} must be {default} or {other}")
        return other if value == other else default

    def recipient_limits(self) -> "tuple[RecipientLimit, ...]":
        words = self.optional("RECIPIENT_LIMITS")
        if not words:
            return ()
        # Loaded where there are such limits.
        from longcode.domain import recipient_limits

        try:
            return recipient_limits.parse(words)
        except ValueError as exc:
            self.problems.append(f"RECIPIENT_LIMITS {exc}")
            return ()

    def quiet_hours(self) -> QuietHours | None:
        words = self.optional("QUIET_HOURS")
        if not words:
            return None
        # Loaded where there are quiet hours.
        from longcode.domain import quiet_windows

        try:
            hours = QuietHours.parse(words)
            closed = quiet_windows.closed_states(hours)
        except ValueError as exc:
            self.problems.append(f"QUIET_HOURS {exc}")
            return None
        if closed:
            self.problems.append(
                f"QUIET_HOURS leaves no moment of a week in which {', '.join(closed)} allows a text"
            )
        return hours

    def tag_brake(self) -> BrakeSetting | None:
        try:
            return BrakeSetting.parse(words) if (words := self.optional("TAG_BRAKE")) else None
        except ValueError as exc:
            self.problems.append(f"TAG_BRAKE {exc}")
            return None

    def public_keys(self) -> tuple[bytes, ...]:
        keys: list[bytes] = []
        listed = self.text("TELNYX_PUBLIC_KEY")
        for part in _parts(listed):
            try:
                keys.append(webhook_settings.public_key(part))
            except ValueError as exc:
                self.problems.append(f"TELNYX_PUBLIC_KEY must be 32 bytes of base64: it {exc}")
        if listed and not _parts(listed):
            self.problems.append("TELNYX_PUBLIC_KEY names no key: without one every webhook would be refused")
        return tuple(keys)

    def webhook_sources(self) -> tuple[webhook_settings.Network, ...]:
        sources: list[webhook_settings.Network] = []
        for part in _parts(self.optional("WEBHOOK_SOURCE_RANGE")):
            try:
                sources.append(webhook_settings.source_range(part))
            except ValueError as exc:
                self.problems.append(f"WEBHOOK_SOURCE_RANGE must be address ranges, as 192.76.120.192/27: {exc}")
        return tuple(sources)

    @cached_property
    def long_code(self) -> str:
        value = self.optional("TELNYX_LONG_CODE")
        if not phone.is_e164(value):
            self.problems.append(
                "TELNYX_LONG_CODE must be E.164, as +12025550100" if value else "TELNYX_LONG_CODE is missing"
            )
        return value

    def webhook_url(self) -> str:
        value = self.optional("WEBHOOK_URL").rstrip("/")
        if value and not re.fullmatch(r"https?://\S{1,1900}", value):
            self.problems.append("WEBHOOK_URL must be an http(s) URL")
        # Where the API has a domain of its own, the provider calls it there too.
        domain = self.optional("DOMAIN_NAME")
        return value or (f"https://{domain}/webhooks/message" if domain else "")

    def destinations(self) -> tuple[Destination, ...]:
        if listed := self.optional("ALLOWED_DESTINATIONS"):
            try:
                return destinations.parse(listed)
            except ValueError as exc:
                self.problems.append(f"ALLOWED_DESTINATIONS {exc}")
        return destinations.own_country(self.long_code)


def _parts(listed: str) -> list[str]:
    """The parts of a list with commas, without the empty ones."""
    return [part for each in listed.split(",") if (part := each.strip())]

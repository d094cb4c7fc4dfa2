"""The settings of this service, read from the environment once, with every problem named at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nacl.signing import VerifyKey

from longcode.domain import destinations, phone
from longcode.domain.destinations import Destination
from longcode.domain.errors import ConfigurationError
from longcode.telnyx import signature


def provider_key(secret: str) -> str:
    """The provider's API key in what the secret holds. Raises ValueError for one that no header could carry."""
    key = secret.strip()
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise ValueError("holds characters that no key has")
    return key


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template's parameters say. Durations are milliseconds unless the name says otherwise."""

    messages_table: str
    limits_table: str
    queue_url: str
    dead_letter_queue_url: str
    unpublished_queue_url: str
    event_bus: str
    secret_id: str
    public_keys: tuple[VerifyKey, ...]
    long_code: str
    environment: str
    provider_url: str
    webhook_url: str
    recipient_interval_ms: int
    sender_interval_ms: int
    account_interval_ms: int
    max_pending_per_recipient: int
    allowed_destinations: tuple[Destination, ...]
    daily_texts_per_key: int
    validity_minutes: int
    retention_days: int
    ambiguous_sends: Literal["resolve", "hold"]
    store_text: Literal["always", "until_final"]
    webhook_sources: tuple[signature.Network, ...]

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read every setting; raises ConfigurationError that names all that is missing or malformed."""
        problems: list[str] = []

        def text(name: str, pattern: str = r".+", what: str = "") -> str:
            value = env.get(name, "").strip()
            if not value:
                problems.append(f"{name} is missing")
            elif not re.fullmatch(pattern, value, re.ASCII):
                problems.append(f"{name} {what}")
            return value

        def number(name: str, default: int, least: int) -> int:
            value = env.get(name, "").strip() or str(default)
            if not re.fullmatch(r"[0-9]{1,9}", value, re.ASCII) or int(value) < least:
                problems.append(f"{name} must be a whole number, {least} or more")
                return default
            return int(value)

        keys: list[VerifyKey] = []
        listed = text("TELNYX_PUBLIC_KEY")
        for part in filter(None, map(str.strip, listed.split(","))):
            try:
                keys.append(signature.public_key(part))
            except ValueError as exc:
                problems.append(f"TELNYX_PUBLIC_KEY must be 32 bytes of base64: it {exc}")
        if listed and not listed.strip(", "):
            problems.append("TELNYX_PUBLIC_KEY names no key: without one every webhook would be refused")
        sources: list[signature.Network] = []
        for part in filter(None, map(str.strip, env.get("WEBHOOK_SOURCE_RANGE", "").split(","))):
            try:
                sources.append(signature.source_range(part))
            except ValueError as exc:
                problems.append(f"WEBHOOK_SOURCE_RANGE must be address ranges, as 192.76.120.192/27: {exc}")
        long_code = env.get("TELNYX_LONG_CODE", "").strip()
        if not phone.is_e164(long_code):
            problems.append(
                "TELNYX_LONG_CODE must be E.164, as +12025550100" if long_code else "TELNYX_LONG_CODE is missing"
            )
        webhook_url = env.get("WEBHOOK_URL", "").strip().rstrip("/")
        if webhook_url and not re.fullmatch(r"https?://\S{1,1900}", webhook_url):
            problems.append("WEBHOOK_URL must be an http(s) URL")
        allowed = destinations.own_country(long_code)
        if listed := env.get("ALLOWED_DESTINATIONS", "").strip():
            try:
                allowed = destinations.parse(listed)
            except ValueError as exc:
                problems.append(f"ALLOWED_DESTINATIONS {exc}")
        policy = env.get("AMBIGUOUS_SENDS", "").strip() or "resolve"
        if policy not in ("resolve", "hold"):
            problems.append("AMBIGUOUS_SENDS must be resolve or hold")
        texts = env.get("STORE_TEXT", "").strip() or "always"
        if texts not in ("always", "until_final"):
            problems.append("STORE_TEXT must be always or until_final")

        settings = cls(
            messages_table=text("MESSAGES_TABLE"),
            limits_table=text("LIMITS_TABLE"),
            queue_url=text("QUEUE_URL"),
            dead_letter_queue_url=text("DEAD_LETTER_QUEUE_URL"),
            unpublished_queue_url=text("UNPUBLISHED_QUEUE_URL"),
            event_bus=text("EVENT_BUS"),
            secret_id=text("TELNYX_SECRET_ID"),
            public_keys=tuple(keys),
            long_code=long_code,
            environment=env.get("ENVIRONMENT", "").strip() or "dev",
            provider_url=text("TELNYX_BASE_URL", r"https?://\S+", "must be an http(s) URL").rstrip("/"),
            webhook_url=webhook_url,
            recipient_interval_ms=number("RECIPIENT_INTERVAL_MS", 1000, 0),
            sender_interval_ms=number("SENDER_INTERVAL_MS", 0, 0),
            account_interval_ms=number("ACCOUNT_INTERVAL_MS", 0, 0),
            max_pending_per_recipient=number("MAX_PENDING_PER_RECIPIENT", 100, 1),
            allowed_destinations=allowed,
            daily_texts_per_key=number("DAILY_TEXTS_PER_KEY", 10_000, 0),
            validity_minutes=number("VALIDITY_MINUTES", 1440, 1),
            retention_days=number("RETENTION_DAYS", 90, 1),
            ambiguous_sends="hold" if policy == "hold" else "resolve",
            store_text="until_final" if texts == "until_final" else "always",
            webhook_sources=tuple(sources),
        )
        if problems:
            raise ConfigurationError(problems)
        return settings

"""The account at the provider: whether the key is good, and what the number is on."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

import httpx

from longcode_cli.problems import Problem

# What the provider's webhooks have to be for this service to read them: signed, with `data` around them.
WEBHOOK_API_VERSION = "2"


class Refused(Problem):
    """The provider answered, and not with what was asked for."""

    def __init__(self, message: str, hint: str, http_status: int) -> None:
        super().__init__(message, hint)
        self.http_status = http_status


@dataclass(frozen=True, slots=True)
class Profile:
    """A messaging profile."""

    name: str
    enabled: bool
    webhook_url: str
    webhook_api_version: str


class Account:
    """The account that `api_key` belongs to, through `client`; `heard` is given the headers of each answer.

    It only reads. Sources: Telnyx, "Make the first API request" (the balance is what to try a key with), and its
    API reference: phone numbers with messaging settings, messaging profiles.
    """

    def __init__(
        self, client: httpx.Client, base_url: str, api_key: str, heard: Callable[[Mapping[str, str]], None]
    ) -> None:
        self._client = client
        self._heard = heard
        self._url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self.host = urlsplit(base_url).netloc

    def credit(self) -> tuple[Decimal, str] | None:
        """What is left to spend and its currency; None if the provider does not say."""
        data = self._get("/balance")
        try:
            left = Decimal(str(data.get("available_credit")))
        except InvalidOperation:
            return None
        return (left, str(data.get("currency") or "")) if left.is_finite() else None

    def profile_of(self, number: str) -> str | None:
        """The id of the profile that `number` is on, "" if on none; None if the account has no such number."""
        rows = self._get("/phone_numbers/messaging", {"filter[phone_number]": number})
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get("phone_number") == number:
                return str(row.get("messaging_profile_id") or "")
        return None

    def profile(self, ident: str) -> Profile:
        """The profile with that id."""
        data = self._get(f"/messaging_profiles/{ident}")
        return Profile(
            name=str(data.get("name") or ""),
            enabled=data.get("enabled") is not False,
            webhook_url=str(data.get("webhook_url") or ""),
            webhook_api_version=str(data.get("webhook_api_version") or ""),
        )

    # Any: what the provider's JSON has under `data`.
    def _get(self, path: str, params: dict[str, str] | None = None) -> Any:
        try:
            answer = self._client.get(self._url + path, params=params, headers=self._headers)
        except httpx.HTTPError as exc:
            # Not the error's own words, which may have the number in them.
            raise Problem(
                f"{self.host} does not answer ({type(exc).__name__}).",
                "Check this machine's network, the parameter TelnyxBaseUrl, and status.telnyx.com.",
            ) from None
        self._heard(answer.headers)
        try:
            fields = json.loads(answer.content)
        except ValueError:
            fields = None
        data = fields.get("data") if isinstance(fields, dict) else None
        if answer.status_code == 200 and isinstance(data, (dict, list)):
            return data
        raise Refused(
            f"{self.host} answers {answer.status_code}{_error(fields)}.",
            "If that stays so, see status.telnyx.com, and whether TelnyxBaseUrl is right.",
            answer.status_code,
        )


def _error(fields: object) -> str:
    errors = fields.get("errors") if isinstance(fields, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return ""
    return f" ({first.get('code', '')} {first.get('title', '')})"

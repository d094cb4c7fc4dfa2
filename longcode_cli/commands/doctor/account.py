"""The account at the provider: whether the key is good, and what the number is on."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from longcode.domain import untrusted
from longcode.telnyx import registration, registration_states
from longcode.telnyx.registration import Assignment
from longcode.telnyx.registration_states import CampaignState, Health, NumberState
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


@dataclass(frozen=True, slots=True)
class Listed:
    """A number of the account: its profile's id, empty if it is on none, and its kind in the provider's word."""

    profile_id: str
    kind: str = ""

    @property
    def is_long_code(self) -> bool:
        """Whether it is a long code, as far as the provider says what it is."""
        return not any(other in self.kind for other in ("toll", "short"))


@dataclass(frozen=True, slots=True)
class Campaign:
    """The campaign that a number is assigned to. `state` is None if the provider does not show it."""

    assigned: Assignment
    number: NumberState
    state: CampaignState | None

    @property
    def ident(self) -> str:
        """The provider's id of it."""
        return self.assigned.campaign_id


class Account:
    """The account that `api_key` belongs to, through `client`; `heard` is given the headers of each answer.

    It only reads. Sources: Telnyx, "Make the first API request" (the balance is what to try a key with), and its
    API reference: phone numbers with messaging settings, messaging profiles, 10DLC.
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

    def listed(self, number: str) -> Listed | None:
        """`number` as the account has it; None if it has no such number."""
        rows = self._get("/phone_numbers/messaging", {"filter[phone_number]": number})
        for row in rows if isinstance(rows, list) else ():
            if isinstance(row, dict) and row.get("phone_number") == number:
                return Listed(str(row.get("messaging_profile_id") or ""), untrusted.word(row.get("type")))
        return None

    def profile_of(self, number: str) -> str | None:
        """The id of the profile that `number` is on, "" if on none; None if the account has no such number."""
        found = self.listed(number)
        return found.profile_id if found else None

    def profile(self, ident: str) -> Profile:
        """The profile with that id."""
        data = self._get(f"/messaging_profiles/{ident}")
        return Profile(
            name=str(data.get("name") or ""),
            enabled=data.get("enabled") is not False,
            webhook_url=str(data.get("webhook_url") or ""),
            webhook_api_version=str(data.get("webhook_api_version") or ""),
        )

    def campaign_of(self, number: str) -> Campaign | None:
        """The campaign that `number` is assigned to, None if to none."""
        content = self._read(f"/10dlc/phone_number_campaigns/{quote(number, safe='')}")
        if content is None:
            return None
        assigned = registration.assignment(content)
        if assigned is None:
            raise Problem(f"{self.host} names no campaign, and no error.", "Report it to the provider's support.")
        return Campaign(assigned, registration_states.number_state(content), self._campaign(assigned.campaign_id))

    def _campaign(self, ident: str) -> CampaignState | None:
        # One that was registered elsewhere and is shared with the provider is of the second kind.
        for kind in ("campaign", "partner_campaigns"):
            content = self._read(f"/10dlc/{kind}/{quote(ident, safe='')}")
            if content is not None:
                return registration_states.campaign_state(content)
        return None

    def metadata(self, ident: str) -> bytes:
        """What the networks registered a campaign with, as it was answered; empty if the provider shows none."""
        return self._read(f"/10dlc/campaign/{quote(ident, safe='')}/mnoMetadata") or b""

    def health(self, number: str) -> Health | None:
        """How the texts of `number` went; None if the provider shows no such number."""
        content = self._read(f"/messaging_phone_numbers/{quote(number, safe='')}")
        return None if content is None else registration_states.health(content)

    def _read(self, path: str) -> bytes | None:
        """What is answered; None where the provider itself says that there is no such thing."""
        answer = self._called(path, None)
        if answer.status_code == 404 and registration.is_none(answer.content):
            return None
        if answer.status_code != 200 or _object(answer) is None:
            raise self._refused(answer)
        return answer.content

    # Any: what the provider's JSON has under `data`.
    def _get(self, path: str, params: dict[str, str] | None = None) -> Any:
        answer = self._called(path, params)
        data = (_object(answer) or {}).get("data")
        if answer.status_code == 200 and isinstance(data, (dict, list)):
            return data
        raise self._refused(answer)

    def _called(self, path: str, params: dict[str, str] | None) -> httpx.Response:
        try:
            answer = self._client.get(self._url + path, params=params, headers=self._headers)
        except httpx.HTTPError as exc:
            # Not the error's own words, which may have the number in them.
            raise Problem(
                f"{self.host} does not answer ({type(exc).__name__}).",
                "Check this machine's network, the parameter TelnyxBaseUrl, and status.telnyx.com.",
            ) from None
        self._heard(answer.headers)
        return answer

    def _refused(self, answer: httpx.Response) -> Refused:
        return Refused(
            f"{self.host} answers {answer.status_code}{_error(_object(answer) or {})}.",
            "If that stays so, see status.telnyx.com, and whether TelnyxBaseUrl is right.",
            answer.status_code,
        )


# Any: JSON.
def _object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        fields = json.loads(answer.content)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _error(fields: Mapping[str, object]) -> str:
    errors = fields.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    if not isinstance(first, dict):
        return ""
    return f" ({first.get('code', '')} {first.get('title', '')})"

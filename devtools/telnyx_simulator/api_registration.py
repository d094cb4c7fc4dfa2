"""The provider's API on numbers: their campaigns, their health, and what network a number is on."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from . import errors, registration, views
from .errors import Refused
from .networks import CARRIERS, Network
from .provider import Provider
from .registration import Campaign, Registration, Status
from .settings import ORGANIZATION_ID, Settings
from .validate import E164

SPAM = frozenset({"40002", "40003", "40015", "40017"})
LOOKUPS = frozenset({"carrier", "caller-name"})
FIRST_ID = 1293384261075731499
ASSIGNED_AT = "2026-01-15T17:00:00.000+00:00"  # every number to its campaign
CSP_ID = "SB97091"  # that of the provider itself, in whose name it registers
# A campaign is active once the networks have entered it. One that the provider calls dormant has the status of a
# suspended one (its support article "10DLC Campaign Suspended").
CAMPAIGN_STATUS = {
    Status.ACTIVE: "MNO_PROVISIONED",
    Status.SUSPENDED: "TCR_SUSPENDED",
    Status.DORMANT: "TCR_SUSPENDED",
    Status.EXPIRED: "TCR_EXPIRED",
}
Endpoint = Callable[[Request], Awaitable[Response]]


class RegistrationApi:
    """Its endpoints."""

    def __init__(self, provider: Callable[[], Provider]) -> None:
        self._provider = provider

    def endpoints(self) -> list[tuple[str, Endpoint]]:
        """Each path with its GET."""
        return [
            ("/v2/10dlc/phone_number_campaigns/{number}", self.phone_number_campaign),
            ("/v2/10dlc/campaign/{id}", self.campaign),
            ("/v2/10dlc/campaign/{id}/mnoMetadata", self.mno_metadata),
            ("/v2/messaging_phone_numbers/{number}", self.messaging_phone_number),
            ("/v2/number_lookup/{number}", self.number_lookup),
        ]

    async def phone_number_campaign(self, request: Request) -> Response:
        """GET /v2/10dlc/phone_number_campaigns/{number}: without `data` around it, as all of 10dlc."""
        number, registered = request.path_params["number"], self._registered()
        campaign = registered.of(number)
        if campaign is None:
            raise Refused(errors.NOT_FOUND)
        membership = registered.memberships[number]
        return views.answer(
            {
                "phoneNumber": number,
                "campaignId": campaign.id,
                "telnyxCampaignId": campaign.id,
                "tcrCampaignId": campaign.tcr_id,
                "brandId": registration.BRAND_ID,
                "tcrBrandId": registration.TCR_BRAND_ID,
                "assignmentStatus": membership.assignment,
                "tmobileNumberMappingStatus": membership.t_mobile_mapping,
                "nonTmobileNumberMappingStatus": membership.other_mapping,
                "failureReasons": membership.failure_reasons,
                "createdAt": ASSIGNED_AT,
                "updatedAt": ASSIGNED_AT,
            }
        )

    async def mno_metadata(self, request: Request) -> Response:
        """GET /v2/10dlc/campaign/{id}/mnoMetadata."""
        registered = self._registered()
        campaign = self._found(registered, request)
        return views.answer(registration.metadata(campaign, registered.brand, registered.metadata))

    async def campaign(self, request: Request) -> Response:
        """GET /v2/10dlc/campaign/{id}: what is known of a campaign, and where its webhooks go."""
        return views.answer(campaign_record(self._found(self._registered(), request)))

    def _registered(self) -> Registration:
        """What is registered. Raises Refused for a key that may not see it."""
        registered = self._provider().carriers.registration
        if registered.denied:
            raise Refused(errors.UNAUTHORIZED)
        return registered

    @staticmethod
    def _found(registered: Registration, request: Request) -> Campaign:
        campaign = registered.campaigns.get(request.path_params["id"])
        if campaign is None:
            raise Refused(errors.NOT_FOUND)
        return campaign

    async def messaging_phone_number(self, request: Request) -> Response:
        """GET /v2/messaging_phone_numbers/{number}."""
        provider, number = self._provider(), request.path_params["number"]
        if number not in provider.settings.numbers:
            raise Refused(errors.NOT_FOUND)
        row = messaging_number(provider.settings, number) | {"record_type": "messaging_phone_number"}
        return views.answer({"data": row | {"health": self._health(number)}})

    def _health(self, number: str) -> dict[str, Any]:
        """Of all of its texts; over what time the provider counts is not documented."""
        provider = self._provider()
        sent = provider.ledger.newest("text", sender=number)
        received = provider.ledger.newest("inbound", to=number)
        spam = sum(any(error["code"] in SPAM for error in one.payload["errors"]) for one in sent)
        delivered = sum(one.status == "delivered" for one in sent)
        total = len(sent) or 1
        health = {
            "message_count": len(sent),
            "inbound_outbound_ratio": round(len(received) / total, 4),
            "success_ratio": round(delivered / total, 4),
            "spam_ratio": round(spam / total, 4),
        }
        return health | provider.carriers.registration.health.get(number, {})

    async def number_lookup(self, request: Request) -> Response:
        """GET /v2/number_lookup/{number}: each one of type carrier costs."""
        provider, number = self._provider(), request.path_params["number"]
        kind = request.query_params.get("type")
        if kind not in LOOKUPS | {None}:
            raise Refused(errors.LOOKUP_INVALID.saying("'type' must be carrier or caller-name."))
        if not E164.fullmatch(number):
            raise Refused(errors.LOOKUP_INVALID.saying(f"'{number}' is not a phone number."))
        found: dict[str, Any] = {
            "record_type": "number_lookup",
            "phone_number": number,
            "country_code": "US" if number.startswith("+1") else None,
            "national_format": f"({number[2:5]}) {number[5:8]}-{number[8:]}" if number.startswith("+1") else None,
            "fraud": None,
            "caller_name": None,
            "carrier": None,
            "portability": None,
        }
        if kind == "carrier":
            provider.ledger.looked_up()
            found |= self._looked_up(number)
        return views.answer({"data": found})

    def _looked_up(self, number: str) -> dict[str, Any]:
        networks = self._provider().carriers.networks
        subscription = networks.of(number)
        shown = CARRIERS[subscription.network]
        moved = networks.has_moved(number)
        return {
            "carrier": {
                "name": subscription.name or None,
                "normalized_carrier": shown.brand,
                "type": shown.kind,
                "mobile_country_code": None,
                "mobile_network_code": None,
                "error_code": None,
            },
            "portability": {
                "line_type": shown.kind if subscription.network is not Network.UNKNOWN else None,
                "ported_status": "Y" if moved else "N",
                "spid_carrier_name": subscription.name or None,
            },
        }


def campaign_record(campaign: Campaign) -> dict[str, Any]:
    """A campaign of ours. Of the fields of its application only those that every campaign has."""
    status = CAMPAIGN_STATUS[campaign.status]
    return {
        "campaignId": campaign.id,
        "tcrCampaignId": campaign.tcr_id,
        "brandId": registration.BRAND_ID,
        "tcrBrandId": registration.TCR_BRAND_ID,
        "cspId": CSP_ID,
        "usecase": "LOW_VOLUME" if campaign.message_class == "T" else "MIXED",
        "subUsecases": ["CUSTOMER_CARE"],
        "description": "Simulated campaign",
        "termsAndConditions": True,
        "mock": False,
        "status": "EXPIRED" if campaign.status is Status.EXPIRED else "ACTIVE",
        "submissionStatus": "CREATED",
        "campaignStatus": status,
        "failureReasons": None,
        "isTMobileRegistered": campaign.t_mobile_registered,
        "isTMobileSuspended": status == "TCR_SUSPENDED",
        "isTMobileNumberPoolingEnabled": False,
        "webhookURL": campaign.webhook_url,
        "webhookFailoverURL": campaign.failover_url,
    }


def messaging_number(settings: Settings, number: str) -> dict[str, Any]:
    """A number of ours with its messaging settings."""
    two_way = {
        "domestic_two_way": True,
        "international_inbound": False,
        "international_outbound": False,
    }
    return {
        "record_type": "messaging_settings",
        "id": str(FIRST_ID + settings.numbers.index(number)),
        "phone_number": number,
        "messaging_profile_id": settings.profile_id if settings.assigned else None,
        "organization_id": ORGANIZATION_ID,
        "country_code": "US",
        "type": "longcode",
        "eligible_messaging_products": ["A2P"],
        "messaging_product": "A2P",
        "traffic_type": "A2P",
        "tags": [],
        "features": {"sms": two_way, "mms": None},
    }

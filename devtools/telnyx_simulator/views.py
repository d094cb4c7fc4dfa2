"""What is answered as JSON: records, pages of them, and what was asked of them in a query."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from . import errors
from .answers import dump, refusal
from .errors import ApiError, Refused
from .ledger import Message
from .settings import Settings

MDR_STATUS = {
    "delivered": "delivered",
    "delivery_failed": "failed",
    "sending_failed": "gw_reject",
    "expired": "gw_timeout",
    "delivery_unconfirmed": "dlr_unconfirmed",
    "cancelled": "failed",
}


def answer(value: Any, status: int = 200) -> Response:
    """JSON."""
    return Response(dump(value), status, media_type="application/json")


def refused(*faults: ApiError) -> Response:
    """The provider's answer to a request that it refuses."""
    answer = refusal(*faults)
    return Response(answer.body, answer.status, answer.headers, "application/json")


def limit(query: Mapping[str, str]) -> int | None:
    """How many rows are asked for; None: all."""
    return int(query["limit"]) if query.get("limit", "").isdigit() else None


def filters(query: Mapping[str, str]) -> dict[str, str]:
    """`filter[name]=value` by name."""
    return {
        name[len("filter[") :].split("]")[0]: value for name, value in query.items() if name.startswith("filter[")
    }


def since(records: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Those of the time that filter[created_at][gte] and [lt] ask for: days or moments in ISO 8601, UTC."""
    since, until = query.get("filter[created_at][gte]", ""), query.get("filter[created_at][lt]", "~")
    return [record for record in records if since <= record["created_at"] < until]


def ordered(records: list[dict[str, Any]], query: Mapping[str, str]) -> list[dict[str, Any]]:
    """By time, the latest first unless asked otherwise. Raises Refused."""
    order = query.get("sort", "-created_at")
    if order not in ("created_at", "-created_at"):
        raise Refused(errors.BAD_REQUEST.saying(f"cannot sort by {order}"))
    return sorted(records, key=lambda record: str(record["created_at"]), reverse=order.startswith("-"))


def page(rows: list[dict[str, Any]], query: Mapping[str, str], most: int = 50) -> Response:
    """One page of rows, `most` at a time, as Telnyx answers it. Raises Refused."""
    try:
        number, size = int(query.get("page[number]", 1)), int(query.get("page[size]", 20))
    except ValueError as exc:
        raise Refused(errors.BAD_REQUEST) from exc
    number, size = max(number, 1), min(max(size, 1), most)
    meta = {
        "page_number": number,
        "page_size": size,
        "total_pages": -(-len(rows) // size),
        "total_results": len(rows),
    }
    return answer({"data": rows[(number - 1) * size : number * size], "meta": meta})


def profile(settings: Settings) -> dict[str, Any]:
    """The messaging profile for the control API."""
    return {
        "webhook_url": settings.webhook_url,
        "failover_url": settings.failover_url,
        "webhook_api_version": settings.webhook_api_version,
        "enabled": settings.profile_enabled,
        "assigned": settings.assigned,
    }


def gap(gap_ms: float | None) -> float | None:
    """Rounded, ms."""
    return None if gap_ms is None else round(gap_ms, 3)


def summary(message: Message) -> dict[str, Any]:
    """A message for the control API."""
    payload = message.payload
    return {
        "id": message.id,
        "kind": message.kind,
        "direction": payload["direction"],
        "from": message.sender,
        "to": message.to,
        "text": payload["text"],
        "type": payload.get("type"),
        "media": [medium["url"] for medium in payload.get("media", ())],
        "status": message.status,
        "errors": payload["errors"],
        "outcome": message.outcome,
        "webhook_url": payload["webhook_url"],
        "parts": payload.get("parts"),
        "at_ms": round(message.at_s * 1000, 3),
    }


def detail_record(message: Message) -> dict[str, Any]:
    """A message as a detail record of Telnyx."""
    payload = message.payload
    return {
        "record_type": "message_detail_record",
        "uuid": message.id,
        "cld": message.to,
        "cli": message.sender,
        "direction": payload["direction"],
        "message_type": payload["type"],
        "parts": payload["parts"],
        "cost": payload["cost"]["amount"],
        "currency": payload["cost"]["currency"],
        "profile_id": payload["messaging_profile_id"],
        "status": "received" if message.kind == "inbound" else MDR_STATUS.get(message.status),
        "delivery_status": message.status,
        "delivery_status_webhook_url": payload["webhook_url"],
        "delivery_status_failover_url": payload["webhook_failover_url"],
        "errors": [error["code"] for error in payload["errors"]],
        "created_at": payload["received_at"],
        "sent_at": payload["sent_at"],
        "completed_at": payload["completed_at"],
    }

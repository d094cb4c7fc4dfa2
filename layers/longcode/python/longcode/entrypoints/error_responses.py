"""The one map from errors to HTTP: the status of each error code, and how an error becomes an answer."""

from typing import NamedTuple

from longcode.domain import errors
from longcode.domain.message import Fault
from longcode.entrypoints.responses import Response, fault_fields


class ErrorStatus(NamedTuple):
    """The HTTP status of an error code, and the Retry-After in seconds where the error itself names none."""

    status: int
    retry_after_s: int | None = None


# Every code that this service answers with; API Gateway's own are in template.yaml. docs/api.md explains each.
ERRORS: dict[str, ErrorStatus] = {
    "invalid_request": ErrorStatus(400),
    "invalid_signature": ErrorStatus(401),
    "provider_unauthorized": ErrorStatus(401),
    "forbidden": ErrorStatus(403),
    "scope_missing": ErrorStatus(403),
    "recipient_not_listed": ErrorStatus(403),
    "recipient_opted_out": ErrorStatus(403),
    "destination_not_allowed": ErrorStatus(403),
    "not_found": ErrorStatus(404),
    "method_not_allowed": ErrorStatus(405),
    "idempotency_key_reused": ErrorStatus(409),
    "idempotency_key_in_use": ErrorStatus(409, retry_after_s=1),
    "opt_out_unclear": ErrorStatus(409),
    "too_late": ErrorStatus(409),
    "batch_changed": ErrorStatus(409),
    "too_many_subscriptions": ErrorStatus(409),
    "webhooks_off": ErrorStatus(409),
    "request_too_large": ErrorStatus(413),
    "duplicate_text": ErrorStatus(409),
    # The provider's own status, where it gave one of 400 to 499.
    "provider_refused": ErrorStatus(422),
    "provider_rate_limited": ErrorStatus(429),
    "recipient_queue_full": ErrorStatus(429),
    "daily_limit": ErrorStatus(429),
    "carrier_rate": ErrorStatus(429),
    "carrier_day_cap": ErrorStatus(429),
    "recipient_limit": ErrorStatus(429),
    "tag_paused": ErrorStatus(503),
    "carrier_paused": ErrorStatus(503),
    "internal_error": ErrorStatus(500),
    "unavailable": ErrorStatus(503, retry_after_s=2),
    "provider_unreachable": ErrorStatus(503),
    "provider_not_configured": ErrorStatus(503),
    "sending_stopped": ErrorStatus(503),
    "paused": ErrorStatus(503),
    "outcome_unknown": ErrorStatus(504),
}

# What a caller sees of a fault of ours: never a stack trace, which is in the log.
INTERNAL_ERROR = Response(
    ERRORS["internal_error"].status, {"error": "Something failed on our side.", "code": "internal_error"}
)


def error_response(exc: errors.RequestError | errors.SendRefused | errors.Unavailable) -> Response:
    """The response to an error: `{error, code, …}`."""
    status, retry_after_s = ERRORS[exc.code]
    fields: dict[str, object] = {"error": str(exc), "code": exc.code}
    headers: dict[str, str] = {}
    match exc:
        case errors.SendRefused():
            fields |= _send_fields(exc)
            if exc.code == "provider_refused" and exc.provider_status and 400 <= exc.provider_status < 500:
                status = exc.provider_status
            retry_after_s = exc.retry_after_s
        case errors.Unavailable():
            fields["error"] = f"{exc}. Try again with the same Idempotency-Key."
        case _:
            if exc.field:
                fields["field"] = exc.field
            fields |= _more_fields(exc)
            if isinstance(exc, errors.MethodNotAllowed):
                headers["allow"] = exc.allowed
            retry_after_s = exc.retry_after_s or retry_after_s
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    return Response(status, fields, headers)


def _more_fields(exc: errors.RequestError) -> dict[str, object]:
    """What else an error names."""
    match exc:
        case errors.InvalidRequest():
            numbers = {"given": exc.given, "limit": exc.limit}
            return {name: number for name, number in numbers.items() if number is not None}
        case errors.BatchChanged():
            return {"changes": exc.changes}
        case errors.TooLate():
            return {"message_id": exc.message_id, "status": exc.status}
        case errors.DuplicateText():
            return {"message_id": exc.message_id}
        case _:
            return {}


def _send_fields(exc: errors.SendRefused) -> dict[str, object]:
    """Which text was not sent, and why in the provider's words if it gave any."""
    fields: dict[str, object] = {"message_id": exc.message_id}
    if exc.code == "outcome_unknown":
        fields["status"] = "unknown"
    if exc.provider:
        fault = Fault(exc.provider["code"], exc.provider["title"], exc.provider["detail"])
        fields["provider"] = fault_fields(fault)
    return fields

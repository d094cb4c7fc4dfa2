"""The provider's error catalogue: a code's title, its wording and the HTTP status it comes with."""

# Source: developers.telnyx.com, "API error codes" and "Messaging error codes". The documentation
# gives no HTTP status for most codes; where it is silent, 400 is used for the messaging range. A
# client must therefore decide by `errors[].code`, which is what the provider asks for anyway.

from dataclasses import dataclass
from typing import Any

HELP_URL = "https://developers.telnyx.com/docs/overview/errors/"


@dataclass(frozen=True, slots=True)
class ApiError:
    """One refusal. `status` is the HTTP status, `pointer` that of the JSON field at fault."""

    code: str
    title: str
    detail: str
    status: int
    pointer: str | None = None

    def at(self, pointer: str, detail: str | None = None) -> "ApiError":
        """The same error for one field of the request."""
        return ApiError(self.code, self.title, detail or self.detail, self.status, pointer)

    def saying(self, detail: str) -> "ApiError":
        """The same error with its detail filled in."""
        return ApiError(self.code, self.title, detail, self.status, self.pointer)

    def entry(self) -> dict[str, Any]:
        """The element of `errors[]`; `source` only where a field is at fault."""
        entry: dict[str, Any] = {
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "meta": {"url": HELP_URL + self.code},
        }
        if self.pointer is not None:
            entry["source"] = {"pointer": self.pointer}
        return entry


class Refused(Exception):
    """A request that is answered with Telnyx errors instead of a message."""

    def __init__(self, *errors: ApiError) -> None:
        super().__init__(", ".join(error.code for error in errors))
        self.errors = errors


INVALID_PHONE_NUMBER = ApiError("10002", "Invalid phone number", "The phone number is invalid.", 400)
INVALID_URL = ApiError(
    "10003",
    "Invalid URL",
    "The URL provided was invalid, malformed, or too long. URLs can be a maximum of 2000 characters.",
    422,
)
MISSING_PARAMETER = ApiError("10004", "Missing required parameter", "A required parameter was missing.", 422)
NOT_FOUND = ApiError("10005", "Resource not found", "The requested resource or URL could not be found.", 404)
UNEXPECTED = ApiError("10007", "Unexpected error", "An unexpected error occurred.", 500)
REQUEST_TIMEOUT = ApiError("10008", "Request timeout", "The request timed out.", 408)
UNAUTHENTICATED = ApiError(
    "10009",
    "Authentication failed",
    "The required authentication headers were either invalid or not included in the request.",
    401,
)
UNAUTHORIZED = ApiError(
    "10010", "Authorization failed", "You do not have permission to perform the requested action.", 403
)
NOT_CANCELLABLE = ApiError(
    "10010",
    "Authorization failed",
    "Only scheduled messages that are due in more than a minute can be cancelled.",
    403,
)
TOO_MANY_REQUESTS = ApiError(
    "10011", "Too many requests", "You have exceeded the maximum number of allowed requests.", 429
)
BAD_REQUEST = ApiError("10015", "Bad Request", "The request failed because it was not well-formed.", 400)
NOT_E164 = ApiError(
    "10016",
    "Phone number must be in +E.164 format",
    "The specified phone number parameter must be in +E.164 format.",
    400,
)
KEY_REUSED = ApiError(
    "10027",
    "Unprocessable entity",
    "The Idempotency-Key was already used with a different request body.",
    422,
)
KEY_IN_FLIGHT = ApiError(
    "10036",
    "Conflict",
    "A request with the same Idempotency-Key is still being processed.",
    409,
)
LOOKUP_INVALID = ApiError("10015", "Bad Request", "The number can't be looked up.", 422)
SERVICE_BUSY = ApiError("10037", "Service busy", "The service is temporarily busy. Try again later.", 503)
NO_FUNDS = ApiError("20100", "Insufficient funds", "You have insufficient funds to perform this action.", 403)
STOPPED = ApiError(
    "40300",
    "Blocked due to STOP message",
    "Messages cannot be sent due to an existing block rule.",
    403,
)
FROM_NOT_ON_PROFILE = ApiError(
    "40300",
    "Sending number not assigned to a messaging profile",
    "The 'from' number is not assigned to a messaging profile.",
    403,
)
TOO_LARGE = ApiError("40302", "Message too large", "The message exceeds the maximum of 10 message parts.", 400)
INVALID_FROM = ApiError(
    "40305",
    "Invalid 'from' address",
    "The 'from' address must be a number of the sending messaging profile.",
    400,
)
NOT_WHITELISTED = ApiError(
    "40309",
    "Invalid destination region",
    "The destination's region is not in the messaging profile's list of allowed destinations.",
    400,
)
INVALID_TO = ApiError("40310", "Invalid 'to' address", "The 'to' address cannot receive messages.", 400)
INVALID_PROFILE = ApiError(
    "40311", "Invalid messaging profile ID", "The messaging profile is not one of yours.", 400
)
PROFILE_DISABLED = ApiError(
    "40312", "Messaging profile is disabled", "The messaging profile used is disabled.", 400
)
NO_CONTENT = ApiError("40316", "No content provided", "The message has neither text nor media.", 400)
QUEUE_FULL = ApiError(
    "40318", "Message queue full", "The number's queue is full: messages wait at most 4 hours.", 400
)
NOT_GSM7 = ApiError(
    "40328",
    "Invalid message encoding",
    "The text has characters that the GSM-7 encoding does not have.",
    400,
)
SPEND_LIMIT = ApiError(
    "40333",
    "Messaging profile spend limit reached",
    "The daily spend limit configured on this messaging profile has been reached",
    429,
)

# Asynchronous: they come in `payload.errors[]` of message.finalized, never as an HTTP answer.
LANDLINE = ApiError("40001", "Not routable", "The destination is a landline.", 0)
REJECTED = ApiError("40004", "Rejected by destination", "The recipient server rejected it.", 0)
EXPIRED = ApiError("40005", "Message expired", "The message expired during transmission.", 0)
UNDELIVERABLE = ApiError("40008", "Undeliverable", "The recipient carrier did not accept it.", 0)
NOT_10DLC = ApiError("40010", "Not 10DLC registered", "The sender has no 10DLC campaign.", 0)

# Over a network's limit: by receipt, or at submission where the simulator is set to that.
UPSTREAM_RATE = ApiError("40011", "Too many requests", "Exceeded upstream rate limit.", 400)
QUEUE_EXPIRED = ApiError("40014", "Message expired in queue", "The message expired in the provider's queue.", 0)
T_MOBILE_CAP = ApiError(
    "40016", "T-Mobile 10DLC sending limit reached", "The brand's daily limit at T-Mobile is reached.", 400
)
ATT_RATE = ApiError(
    "40018", "AT&T 10DLC sending limit reached", "The campaign's limit a minute at AT&T is reached.", 400
)

"""Every failure this service can name."""

# LongCodeError
# ├── ConfigurationError            a setting is missing or malformed: nothing starts
# ├── RequestError                  the caller's to fix
# │   ├── InvalidRequest              names the field
# │   ├── SignatureRefused            whatever was wrong with the signature
# │   ├── KeyRefused                  an API key without rights, one that has ended, one of another kind
# │   ├── ScopeMissing                names the scope
# │   ├── RecipientNotListed          not on the guest list of the key
# │   ├── RecipientOptedOut
# │   ├── DestinationNotAllowed       not among AllowedDestinations
# │   ├── NotFound
# │   ├── MethodNotAllowed
# │   ├── TooLate                     to cancel a text that waits no more, or to change one that is not held
# │   ├── IdempotencyMismatch         the key was used with another body
# │   ├── IdempotencyInProgress       the first request with this key still runs
# │   ├── BatchChanged                a batch is not as its dry run saw it: names what changed
# │   ├── BodyTooLarge
# │   ├── DuplicateText               the same words to the same number, a while ago; names that text
# │   ├── TooManySubscriptions        of webhooks
# │   ├── WebhooksOff                 this stack delivers nothing to URLs of its user
# │   ├── RecipientQueueFull          with a Retry-After
# │   └── DailyLimitReached           with a Retry-After
# ├── SendRefused                   the provider did not take a text that was to leave now
# ├── Unavailable                   a store or the queue did not answer: try again
# └── Crashed                       anything else: it is in the log

from collections.abc import Mapping, Sequence


class LongCodeError(Exception):
    """Anything this service raises on purpose."""


class ConfigurationError(LongCodeError):
    """Settings that are missing or malformed; `problems` names every one."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("Bad settings: " + "; ".join(problems))
        self.problems = problems


class RequestError(LongCodeError):
    """The caller's request can't be served as it stands."""

    code = "bad_request"
    field: str | None = None
    retry_after_s: int | None = None


class InvalidRequest(RequestError):
    """A request that breaks the API's contract in one named place.

    `given` and `limit` are what was asked and what is allowed, where both are of one kind: numbers, or moments as
    ISO 8601.
    """

    code = "invalid_request"

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        given: int | str | None = None,
        limit: int | str | None = None,
    ) -> None:
        super().__init__(message)
        self.field = field
        self.given = given
        self.limit = limit


class SignatureRefused(RequestError):
    """A webhook that the provider did not sign, or not now. Never says which check failed."""

    code = "invalid_signature"


class KeyRefused(RequestError):
    """An API key that may do nothing, or not this."""

    code = "forbidden"


class ScopeMissing(RequestError):
    """An API key without the scope of a route."""

    code = "scope_missing"


class RecipientNotListed(RequestError):
    """A number that is not on the guest list of the API key."""

    code = "recipient_not_listed"
    field = "to"


OPTED_OUT = "The recipient has opted out of texts from this number."


class RecipientOptedOut(RequestError):
    """The recipient has asked for no more texts."""

    code = "recipient_opted_out"


class DestinationNotAllowed(RequestError):
    """A number outside the destinations that the settings allow."""

    code = "destination_not_allowed"
    field = "to"


class NotFound(RequestError):
    """No such message or route."""

    code = "not_found"


class MethodNotAllowed(RequestError):
    """The route exists, without this method."""

    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


class TooLate(RequestError):
    """A text waits no more, so that it can't be cancelled, or is held no more; `status` is what it is instead."""

    code = "too_late"

    def __init__(self, message: str, *, message_id: str, status: str) -> None:
        super().__init__(message)
        self.message_id = message_id
        self.status = status


class IdempotencyMismatch(RequestError):
    """An Idempotency-Key came back with another request."""

    code = "idempotency_key_reused"


class IdempotencyInProgress(RequestError):
    """The first request under this Idempotency-Key has no answer yet."""

    code = "idempotency_key_in_use"


class BatchChanged(RequestError):
    """A batch is not as its dry run saw it; `changes` has the place and what changed of each such item."""

    code = "batch_changed"

    def __init__(self, message: str, *, field: str, changes: Sequence[Mapping[str, object]]) -> None:
        super().__init__(message)
        self.field = field
        self.changes = changes


class BodyTooLarge(RequestError):
    """A body of more bytes than a call may have."""

    code = "request_too_large"


class DuplicateText(RequestError):
    """The same words to the same number were accepted a while ago, as `message_id`."""

    code = "duplicate_text"
    field = "refuse_duplicates_s"

    def __init__(self, message: str, *, message_id: str) -> None:
        super().__init__(message)
        self.message_id = message_id


class TooManySubscriptions(RequestError):
    """There are as many webhook subscriptions as there may be."""

    code = "too_many_subscriptions"


class WebhooksOff(RequestError):
    """Nothing is delivered to the user's own URLs: the stack's parameter WebhookDeliveries is off."""

    code = "webhooks_off"


class RecipientQueueFull(RequestError):
    """A recipient has as many texts waiting as the settings allow."""

    code = "recipient_queue_full"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DailyLimitReached(RequestError):
    """An API key or a destination has had as many texts today as the settings allow."""

    code = "daily_limit"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SendRefused(LongCodeError):
    """A text that was to leave now did not, and why.

    `provider` holds the provider's own code and title, `provider_status` the HTTP status of its answer.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        message_id: str,
        retry_after_s: int | None = None,
        provider: dict[str, str] | None = None,
        provider_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message_id = message_id
        self.retry_after_s = retry_after_s
        self.provider = provider
        self.provider_status = provider_status


class Unavailable(LongCodeError):
    """A table, the queue or the secret store failed or took too long; `what` names it."""

    code = "unavailable"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} did not answer")
        self.what = what


class Crashed(LongCodeError):
    """An invocation ended by a fault of ours.

    Lambda writes what a function raises into its log as it is, so this says no more than the fault's name.
    """

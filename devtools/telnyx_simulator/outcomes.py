"""What happens to a text, by the last four digits of its number: the one table behind --help."""

# Any area code will do: +1 202 555 0154 and +1 303 555 0154 are refused alike, so that a test has as
# many recipients of a kind as it needs. A number that is not in the table is delivered.

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from . import errors
from .errors import ApiError

FICTION = re.compile(r"\+1[2-9][0-9]{2}555(01[0-9]{2})")


class Reply(StrEnum):
    """What comes back over the connection, whether or not the provider took the message."""

    NORMAL = "normal"  # the message, or the refusal in `error`
    ERROR = "error"  # `error`, although the message may have been taken
    GATEWAY = "gateway"  # HTML with `status`, as a proxy in front of the API writes it
    HANG = "hang"  # nothing, until the caller gives up
    RESET = "reset"  # the connection is reset
    TRUNCATED = "truncated"  # 200 with half of the JSON
    CUT = "cut"  # 200 that announces more bytes than it sends, then closes


class WebhookFault(StrEnum):
    """What goes wrong with a webhook. The first four befall an event, the others one attempt."""

    DELAY = "delay"  # it leaves `seconds` later
    DOUBLE = "double"  # it is delivered twice, with the same event id
    REORDER = "reorder"  # the message's next event overtakes it
    LOSE = "lose"  # it is never sent
    FORGE = "forge"  # signed with a key that is not the provider's
    STALE = "stale"  # well signed, with a timestamp `seconds` old (default 600)
    TRUNCATE = "truncate"  # well signed, with half of the JSON


Status = Literal[
    "queued",
    "sent",
    "delivered",
    "sending_failed",
    "delivery_failed",
    "delivery_unconfirmed",
    "expired",
]


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a message's status, `after` times the webhook delay later, and its event."""

    status: Status
    event: Literal["message.sent", "message.finalized"]
    error: ApiError | None = None
    after: float = 1.0


SENT = Step("sent", "message.sent")
DELIVERED = (SENT, Step("delivered", "message.finalized"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One behaviour. `tries`: only a message's first so many requests; later ones are delivered.

    `retry_after` and `wait` are seconds; `wait` passes before the provider decides.
    """

    name: str
    summary: str
    suffix: str | None = None
    taken: bool = True
    reply: Reply = Reply.NORMAL
    error: ApiError | None = None
    status: int = 502
    retry_after: int | None = None
    wait: float = 0.0
    tries: int | None = None
    steps: tuple[Step, ...] = DELIVERED
    webhook_fault: WebhookFault | None = None
    first_status: Status = "queued"

    def public(self) -> dict[str, str | None]:
        """What the console and the command line show."""
        return {"name": self.name, "suffix": self.suffix, "summary": self.summary}


def _finally(status: Status, error: ApiError | None = None) -> tuple[Step, ...]:
    return (SENT, Step(status, "message.finalized", error))


def _refused(
    suffix: str | None,
    name: str,
    error: ApiError,
    summary: str,
    *,
    tries: int | None = None,
    retry_after: int | None = None,
) -> Outcome:
    return Outcome(
        name,
        summary,
        suffix,
        taken=False,
        reply=Reply.ERROR,
        error=error,
        tries=tries,
        retry_after=retry_after,
    )


DEFAULT = Outcome("delivered", "accepted; message.sent, then message.finalized: delivered")

OUTCOMES: tuple[Outcome, ...] = (
    DEFAULT,
    # What the receipts say.
    Outcome(
        "delivery_failed",
        "finalized: delivery_failed (40008)",
        "0140",
        steps=_finally("delivery_failed", errors.UNDELIVERABLE),
    ),
    Outcome(
        "delivery_unconfirmed",
        "finalized: delivery_unconfirmed, and nothing after it",
        "0141",
        steps=_finally("delivery_unconfirmed"),
    ),
    Outcome(
        "unconfirmed_then_delivered",
        "finalized: delivery_unconfirmed, later finalized again: delivered",
        "0142",
        steps=(
            *_finally("delivery_unconfirmed"),
            Step("delivered", "message.finalized", after=3.0),
        ),
    ),
    Outcome("never_finalized", "message.sent, then silence; reads back as sent", "0143", steps=(SENT,)),
    Outcome(
        "sending_failed",
        "finalized: sending_failed (40010), never sent",
        "0144",
        steps=(Step("sending_failed", "message.finalized", errors.NOT_10DLC),),
    ),
    Outcome(
        "expired",
        "finalized: expired (40005)",
        "0145",
        steps=_finally("expired", errors.EXPIRED),
    ),
    Outcome(
        "landline",
        "finalized: delivery_failed (40001)",
        "0146",
        steps=_finally("delivery_failed", errors.LANDLINE),
    ),
    Outcome(
        "delivered_at_once",
        "the 200 answer already says delivered; the webhooks follow",
        "0147",
        first_status="delivered",
    ),
    # What the webhooks suffer.
    Outcome(
        "webhooks_doubled",
        "delivered; each webhook comes twice with the same event id",
        "0130",
        webhook_fault=WebhookFault.DOUBLE,
    ),
    Outcome(
        "webhooks_reordered",
        "delivered; message.finalized comes before message.sent",
        "0131",
        webhook_fault=WebhookFault.REORDER,
    ),
    Outcome(
        "webhooks_lost",
        "delivered; no webhook ever comes; reads back as delivered",
        "0132",
        webhook_fault=WebhookFault.LOSE,
    ),
    Outcome(
        "webhooks_forged",
        "delivered; each webhook's first attempt has a forged signature",
        "0133",
        webhook_fault=WebhookFault.FORGE,
    ),
    Outcome(
        "webhooks_stale",
        "delivered; each webhook's first attempt has a timestamp 10 minutes old",
        "0134",
        webhook_fault=WebhookFault.STALE,
    ),
    # What is refused.
    _refused("0150", "opted_out", errors.STOPPED, "403/40300 Blocked due to STOP message"),
    _refused("0151", "invalid_number", errors.INVALID_TO, "400/40310 invalid 'to' address"),
    _refused("0152", "not_whitelisted", errors.NOT_WHITELISTED, "400/40309 destination not allowed"),
    _refused(
        "0153",
        "from_not_on_profile",
        errors.FROM_NOT_ON_PROFILE,
        "403/40300 the sending number is on no messaging profile",
    ),
    _refused(
        "0154",
        "rate_limited",
        errors.TOO_MANY_REQUESTS,
        "429/10011 with retry-after 1, twice for each message; then accepted",
        tries=2,
        retry_after=1,
    ),
    _refused("0155", "spend_limit", errors.SPEND_LIMIT, "429/40333 daily spend limit"),
    _refused(
        "0156",
        "queue_full",
        errors.QUEUE_FULL,
        "400/40318 queue full, twice; then accepted",
        tries=2,
    ),
    _refused("0157", "no_funds", errors.NO_FUNDS, "403/20100 insufficient funds"),
    _refused(
        "0158",
        "service_busy",
        errors.SERVICE_BUSY,
        "503/10037 with retry-after 1, twice for each message; then accepted",
        tries=2,
        retry_after=1,
    ),
    _refused(None, "unauthenticated", errors.UNAUTHENTICATED, "401/10009 as if the key were wrong"),
    _refused("0160", "server_error", errors.UNEXPECTED, "500/10007, not taken, every time"),
    _refused(
        "0161",
        "server_error_once",
        errors.UNEXPECTED,
        "500/10007, not taken, once; then accepted",
        tries=1,
    ),
    _refused("0162", "request_timeout", errors.REQUEST_TIMEOUT, "408/10008, not taken"),
    Outcome(
        "bad_gateway",
        "502 with an HTML body, not taken",
        "0163",
        taken=False,
        reply=Reply.GATEWAY,
        status=502,
    ),
    Outcome(
        "lost_then_hang",
        "not taken, no answer, once; then accepted",
        "0164",
        taken=False,
        reply=Reply.HANG,
        tries=1,
    ),
    Outcome(
        "lost_then_reset",
        "not taken, connection reset, once; then accepted",
        "0165",
        taken=False,
        reply=Reply.RESET,
        tries=1,
    ),
    # What is taken, though the caller can't know.
    Outcome(
        "accepted_then_500",
        "taken and delivered, answered 500/10007",
        "0170",
        reply=Reply.ERROR,
        error=errors.UNEXPECTED,
    ),
    Outcome("accepted_then_hang", "taken and delivered, never answered", "0171", reply=Reply.HANG),
    Outcome("accepted_then_reset", "taken and delivered, connection reset", "0172", reply=Reply.RESET),
    Outcome(
        "accepted_then_truncated",
        "taken and delivered, 200 with half of the JSON",
        "0173",
        reply=Reply.TRUNCATED,
    ),
    Outcome(
        "accepted_then_cut",
        "taken and delivered, 200 cut off before its end",
        "0174",
        reply=Reply.CUT,
    ),
    Outcome(
        "accepted_then_gateway",
        "taken and delivered, answered 504 with an HTML body",
        "0175",
        reply=Reply.GATEWAY,
        status=504,
    ),
    Outcome("slow", "delivered; the answer takes 3 s", "0176", wait=3.0),
    # What is over a limit: no number stands for it. Which status it gets is not documented.
    Outcome(
        "att_rate",
        "finalized: delivery_failed (40018)",
        steps=_finally("delivery_failed", errors.ATT_RATE),
    ),
    Outcome(
        "t_mobile_cap",
        "finalized: delivery_failed (40016)",
        steps=_finally("delivery_failed", errors.T_MOBILE_CAP),
    ),
    Outcome(
        "upstream_rate",
        "finalized: delivery_failed (40011)",
        steps=_finally("delivery_failed", errors.UPSTREAM_RATE),
    ),
    Outcome(
        "expired_in_queue",
        "finalized: sending_failed (40014), never sent",
        steps=(Step("sending_failed", "message.finalized", errors.QUEUE_EXPIRED),),
    ),
)

BY_NAME = {outcome.name: outcome for outcome in OUTCOMES}
_BY_SUFFIX = {outcome.suffix: outcome for outcome in OUTCOMES if outcome.suffix is not None}


def of(number: str) -> Outcome:
    """The outcome that `number` (E.164) stands for."""
    match = FICTION.fullmatch(number)
    return _BY_SUFFIX.get(match[1], DEFAULT) if match else DEFAULT


def table() -> str:
    """The table as plain text, one line a number."""
    width = max(len(outcome.name) for outcome in OUTCOMES)
    magic = sorted((o for o in OUTCOMES if o.suffix), key=lambda outcome: outcome.suffix or "")
    lines = [f"+1 NXX 555 {o.suffix}  {o.name:<{width}}  {o.summary}" for o in magic]
    return "\n".join([*lines, f"any other        {DEFAULT.name:<{width}}  {DEFAULT.summary}"])

"""What is answered to a request, and what an outcome does to it."""

import json
from dataclasses import dataclass, field
from typing import Any

from . import errors
from .errors import ApiError
from .outcomes import Outcome, Reply


@dataclass(frozen=True, slots=True)
class Answer:
    """What to write to the connection, and how."""

    status: int
    body: bytes
    reply: Reply = Reply.NORMAL
    headers: dict[str, str] = field(default_factory=dict)


def refusal(*faults: ApiError, headers: dict[str, str] | None = None) -> Answer:
    """The provider's error body; the HTTP status is the first error's."""
    body = dump({"errors": [fault.entry() for fault in faults]})
    return Answer(faults[0].status, body, Reply.ERROR, headers or {})


def dump(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def stopped(sender: str, to: str) -> ApiError:
    """The refusal of a text to a number that has opted out."""
    return errors.STOPPED.saying(
        f"Messages cannot be sent from '{sender}' to '{to}' due to an existing block rule."
    )


def unhappy(outcome: Outcome, sender: str | None = None, to: str | None = None) -> Answer:
    """The answer of an outcome that takes no message."""
    error = outcome.error
    if error is errors.STOPPED and sender and to:
        error = stopped(sender, to)
    if outcome.reply is Reply.ERROR and error is not None:
        wait = outcome.retry_after
        return refusal(error, headers={} if wait is None else {"retry-after": str(wait)})
    return spoil(Answer(outcome.status, b""), outcome)


def spoil(answer: Answer, outcome: Outcome) -> Answer:
    """What an outcome does to the answer of a message that was taken."""
    if outcome.reply is Reply.ERROR and outcome.error is not None:
        return refusal(outcome.error)
    if outcome.reply is Reply.GATEWAY:
        body = f"<html><head><title>{outcome.status}</title></head><body>Bad gateway</body></html>"
        return Answer(outcome.status, body.encode(), Reply.GATEWAY)
    if outcome.reply is Reply.TRUNCATED:
        return Answer(200, answer.body[: len(answer.body) // 2], Reply.TRUNCATED, answer.headers)
    return Answer(answer.status, answer.body, outcome.reply, answer.headers)

"""The event bus that the user's own systems listen on: EventBridge, in order for each message."""

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from longcode.aws.clients import TRIES, Sleep, pause_s, translated
from longcode.domain.errors import Unavailable
from longcode.domain.events import Event, PublishResult
from longcode.domain.message import utc

if TYPE_CHECKING:
    from mypy_boto3_events.client import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef

_WHAT = "The event bus"
SOURCE = "longcode"
# What one PutEvents takes.
MOST_ENTRIES = 10
MOST_BYTES = 256 * 1024
# The time of an entry counts as this many bytes.
_TIME_BYTES = 14


class EventBridgeBus:
    """publish_ports.EventBus over EventBridge."""

    def __init__(self, client: "EventBridgeClient", event_bus: str, *, sleep: Sleep = time.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._event_bus = event_bus

    def publish(self, events: Sequence[Event]) -> PublishResult:
        taken = 0
        for portion in _portions(events):
            try:
                refused = self._put([self._entry(event) for event in portion])
            except Unavailable as exc:
                return PublishResult(taken, _reason(exc.__cause__))
            if refused:
                # What was taken behind the first that was not is published again, with it.
                first = min(refused)
                return PublishResult(taken + first, refused[first])
            taken += len(portion)
        return PublishResult(taken)

    def _put(self, entries: "Sequence[PutEventsRequestEntryTypeDef]") -> dict[int, str]:
        """Put entries, and again those that are refused, about as many messages; why each is that still was."""
        refused: dict[int, str] = {}
        left = list(range(len(entries)))
        for tries in range(1, TRIES + 1):
            with translated(_WHAT):
                answer = self._client.put_events(Entries=[entries[number] for number in left])
            rows = zip(left, answer["Entries"], strict=True)
            refused = {number: row["ErrorCode"] for number, row in rows if "ErrorCode" in row}
            left = list(refused)
            if not left or tries == TRIES:
                break
            self._sleep(pause_s(tries))
        return refused

    def _entry(self, event: Event) -> "PutEventsRequestEntryTypeDef":
        return {
            "EventBusName": self._event_bus,
            "Source": SOURCE,
            "DetailType": event.kind,
            "Time": utc(event.at_ms),
            "Detail": _detail(event),
        }


def _portions(events: Sequence[Event]) -> Iterator[list[Event]]:
    """As many at a time as one call takes, and never two about the same message: the first of them might be
    refused and the second taken.
    """
    portion: list[Event] = []
    size = 0
    for event in events:
        own = _TIME_BYTES + len(SOURCE) + len(event.kind) + len(_detail(event))
        about_the_same = any(event.about == other.about for other in portion)
        if portion and (about_the_same or len(portion) == MOST_ENTRIES or size + own > MOST_BYTES):
            yield portion
            portion, size = [], 0
        portion.append(event)
        size += own
    if portion:
        yield portion


def _detail(event: Event) -> str:
    # In ASCII, so that its length is its size.
    return json.dumps(event.detail, separators=(",", ":"))


def _reason(cause: BaseException | None) -> str:
    # Not the message, in which AWS quotes what it refuses.
    return cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__

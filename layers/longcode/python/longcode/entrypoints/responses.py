"""The JSON answer of each route, and how API Gateway wants it."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from longcode.domain import timeline
from longcode.domain.message import Entry, Fault, Message, iso
from longcode.domain.opt_outs import OptOut
from longcode.domain.outcomes import Answer
from longcode.domain.test_mode import unmarked_tag
from longcode.entrypoints.requests import opt_out_cursor
from longcode.telnyx import error_codes

if TYPE_CHECKING:
    from longcode.domain.message import MediaRow
    from longcode.domain.smart_encoding import Replaced
    from longcode.use_cases.batch_results import Result
    from longcode.use_cases.cancel import Cancellation
    from longcode.use_cases.enqueue import Forecast
    from longcode.use_cases.erase import Erasure
    from longcode.use_cases.preview import CarrierOutlook, TextPreview
    from longcode.use_cases.quiet import QuietOutlook
    from longcode.use_cases.tag_view import TagView
    from longcode.use_cases.text_cost import CostEstimate

# Makes the address of a stored file, of its message and its row.
type MediaLink = "Callable[[Message, MediaRow], str]"

# Of so many characters a preview says where they are.
MAX_FORCING = 20


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: its HTTP status, its JSON body and further headers."""

    status: int
    fields: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict)

    def for_gateway(self) -> dict[str, object]:
        """As API Gateway's Lambda proxy integration wants it."""
        return {
            "statusCode": self.status,
            "headers": {"content-type": "application/json", "cache-control": "no-store", **self.headers},
            "body": json.dumps(self.fields),
        }


def sent(message: Message, reply: Answer | None, replaced: "Sequence[Replaced]" = ()) -> Response:
    """POST /sms/send: the provider's first word on it; what smart encoding `replaced`, if anything."""
    word = reply.provider_status if reply else message.provider_status
    return Response(
        200,
        {
            "message_id": message.id,
            "status": word or "queued",
            "from": message.sender,
            "to": message.recipient,
            "telnyx_id": message.telnyx_id,
            "segments": (reply.parts if reply else message.parts) or message.segments,
            **test_field(message),
            **replaced_fields(replaced),
        },
    )


def queued(message: Message, forecast: "Forecast", replaced: "Sequence[Replaced]" = ()) -> Response:
    """POST /sms/queue: its place in the recipient queue, when it may leave; what was `replaced`, if anything."""
    return Response(
        202,
        {
            "queued": True,
            "position": forecast.position,
            "message_id": message.id,
            "status": message.status.value,
            "eta": _when(forecast.eta_ms),
            "held_by": forecast.held_by,
            "segments": message.segments,
            **test_field(message),
            **replaced_fields(replaced),
        },
    )


def previewed(
    text: "TextPreview",
    cost: "CostEstimate | None",
    outlook: "CarrierOutlook | None",
    quiet: "QuietOutlook | None",
) -> Response:
    """POST /sms/preview: what a text takes and why, what its recipient's carrier takes, and when it would leave.

    The latter two only where there is a recipient, or quiet hours.
    """
    fields: dict[str, object] = {
        **asdict(text.size),
        "forced_by": [asdict(one) for one in text.forced_by[:MAX_FORCING]],
        "forced_by_total": len(text.forced_by),
        "smart_encoding": {
            **asdict(text.shorter_size),
            "text": text.shorter,
            "replaced": [asdict(one) for one in text.replaced],
        },
        "cost": _cost(cost) if cost else None,
    }
    fields |= {"outlook": _outlook(outlook)} if outlook else {}
    return Response(200, fields | ({"quiet_hours": _quiet(quiet)} if quiet else {}))


def _cost(found: "CostEstimate") -> dict[str, object]:
    return {
        "amount": f"{found.amount:f}",
        "currency": found.currency,
        "per_segment": f"{found.per_segment:f}",
        "texts": found.texts,
    }


def _quiet(found: "QuietOutlook") -> dict[str, object]:
    return {
        "timezones": list(found.zones),
        "open": found.open,
        "states": [{"state": row.state, "statute": row.statute} for row in found.states],
        "quiet_now": found.quiet,
        "opens_at": iso(found.opens_ms),
    }


def _outlook(found: "CarrierOutlook") -> dict[str, object]:
    known = found.subscription
    return {
        "to": found.recipient,
        "carrier": known.carrier if known else None,
        "line_type": known.line_type or None if known else None,
        "limits": [
            {"carrier": carrier, "per": period, "segments": limit}
            for period, limits in (("minute", found.per_minute), ("day", found.per_day))
            for carrier, limit in limits.items()
        ],
        "held_by": found.held[1] if found.held else None,
        "held_until": _when(found.held[0]) if found.held else None,
    }


def replaced_fields(replaced: "Sequence[Replaced]") -> dict[str, object]:
    """Nothing, where nothing was replaced."""
    return {"replaced": [asdict(one) for one in replaced]} if replaced else {}


def cancelled(message: Message) -> Response:
    """DELETE /sms/queue/{id}: it will not be sent."""
    return Response(200, {"message_id": message.id, "status": message.status.value})


def tag_cancelled(done: "Cancellation") -> Response:
    """DELETE /sms/queue?tag=: how many will not be sent, how many were too late, and where to go on."""
    return Response(200, asdict(done))


def processed(results: "list[Result]", remaining: int) -> Response:
    """POST /sms/queue/process: one row a message that ended."""
    rows: list[dict[str, object]] = []
    good = 0
    for result in results:
        message, reply = result.message, result.answer
        if message is None:
            rows.append(_row(Fault("unknown_message", "This queue entry names no message.")))
        elif reply is not None and reply.fault is None:
            good += 1
            rows.append(dict(sent(message, reply).fields))
        elif reply is not None and reply.fault is not None:
            rows.append(
                {
                    "message_id": message.id,
                    "to": message.recipient,
                    "status": message.status.value,
                    **_row(reply.fault),
                }
            )
        # A message that was dealt with before is neither: it is simply gone from the queue.
    return Response(200, {"processed": good, "failed": len(rows) - good, "results": rows, "remaining": remaining})


def health(by_status: Mapping[str, int], queue_size: int) -> Response:
    """GET /health: how much waits in the queue, and how many messages there are by status."""
    fields = {
        "status": "healthy",
        "queue_size": queue_size,
        "tracked_messages": sum(by_status.values()),
        "by_status": by_status,
    }
    return Response(200, fields)


def status(
    message: Message,
    forecast: "Forecast | None",
    replaced: "Sequence[Replaced]" = (),
    link: "MediaLink | None" = None,
) -> Response:
    """GET /sms/status/{id}: what became of it, and how. PATCH /sms/queue/{id}: and what was `replaced`."""
    outlook = (forecast.held_by, forecast.eta_ms) if forecast else None
    history = timeline.timeline(message, outlook, forecast.reason if forecast else "")
    fields = _fields(message, link) | {
        "history": [_entry(entry) for entry in history],
        "errors": [fault_fields(fault) for fault in message.faults],
    }
    if forecast:
        fields |= {"position": forecast.position, "eta": _when(forecast.eta_ms), "held_by": forecast.held_by}
    return Response(200, fields | replaced_fields(replaced))


def message_page(messages: Sequence[Message], cursor: str | None, link: "MediaLink | None" = None) -> Response:
    """GET /sms/messages and /sms/threads/{number}: each as its status has it, without the story."""
    return Response(200, {"messages": [_fields(message, link) for message in messages], "cursor": cursor})


def tag(found: "TagView") -> Response:
    """GET /sms/tags/{tag}: how its texts stand."""
    counts, pause = found.counts, found.standing.pause
    currency = max(counts.cost, key=lambda name: counts.cost[name], default=None)
    rate = counts.opt_out_rate
    return Response(
        200,
        {
            "tag": unmarked_tag(found.tag),
            "counts": dict(counts.by_status),
            "total": sum(counts.by_status.values()),
            "by_carrier": {carrier: dict(statuses) for carrier, statuses in counts.by_carrier.items()},
            "sent": counts.taken,
            "segments": counts.segments,
            "cost": {"amount": f"{counts.cost[currency]:f}", "currency": currency} if currency else None,
            "opted_out": counts.opted_out,
            "opt_out_rate": None if rate is None else round(rate, 4),
            "first_accepted_at": _when(found.first_ms),
            "last_accepted_at": _when(found.last_ms),
            "finishes_at": _when(found.finishes_ms),
            "paused": {"since": iso(pause.since_ms), "by": pause.by, "reason": pause.reason} if pause else None,
        },
    )


def erased(done: "Erasure") -> Response:
    """DELETE /sms/recipients/{number}: how much is gone, and whether there is more."""
    return Response(200, asdict(done))


def _fields(message: Message, link: "MediaLink | None") -> dict[str, object]:
    """A message as it stands, without how it came to that. `link` is where stored files have an address."""
    fields: dict[str, object] = {
        "message_id": message.id,
        "telnyx_id": message.telnyx_id,
        "status": message.status.value,
        "direction": message.direction,
        "from": message.sender,
        "to": message.recipient,
        "text": message.text,
        "timestamp": iso(message.updated_ms),
        "accepted_at": iso(message.accepted_ms),
        "segments": message.parts or message.segments,
        "carrier": message.carrier,
        "line_type": message.line_type or None,
        **test_field(message),
    }
    if message.direction == "outbound":
        # The original example called it so.
        fields |= {"recipient": message.recipient, "metadata": message.metadata, "attempts": message.attempts}
        fields["priority"] = message.priority.value
        if message.media_urls:
            fields["media_urls"] = list(message.media_urls)
        for name, at_ms in (("send_at", message.send_at_ms), ("expires_at", message.expires_ms)):
            if at_ms is not None:
                fields[name] = iso(at_ms)
        if message.category is not None:
            fields["category"] = message.category
        if message.cost is not None:
            fields["cost"] = {"amount": str(message.cost), "currency": message.currency}
        if message.completed_ms is not None:
            fields["completed_at"] = iso(message.completed_ms)
        return fields
    return fields | {
        "media": [_medium(message, row, link) for row in message.media],
        "is_spam": message.is_spam,
        "autoresponse": message.autoresponse,
        "opt_out": message.opt_out,
    }


def _medium(message: Message, row: "MediaRow", link: "MediaLink | None") -> "MediaRow":
    return {**row, "download_url": link(message, row)} if link and row.get("stored") else row


def test_field(message: Message) -> dict[str, object]:
    """What says that no one gets it; nothing for a live text."""
    return {"test": True} if message.test else {}


def opt_out(entry: OptOut) -> Response:
    """GET, PUT and DELETE /sms/optouts/{number}: how it stands, and how it came to that."""
    return Response(200, _opt_out(entry))


def opt_out_page(entries: Sequence[OptOut], page: int) -> Response:
    """GET /sms/optouts: the opted-out, and where the next page begins."""
    cursor = None
    if len(entries) == page:
        last = entries[-1]
        cursor = opt_out_cursor(last.changes[-1].at_ms, last.number)
    return Response(200, {"optouts": [_opt_out(entry) for entry in entries], "cursor": cursor})


def unclear_page(entries: Sequence[OptOut], page: int) -> Response:
    """GET /sms/optouts/unclear: who has sent what a person has to read, and where the next page begins."""
    cursor = None
    if len(entries) == page:
        last = entries[-1]
        cursor = opt_out_cursor(last.to_review[0].at_ms, last.number)
    rows = [
        {
            "number": entry.number,
            "texts": [{"message_id": one.message_id, "at": iso(one.at_ms)} for one in entry.to_review],
        }
        for entry in entries
    ]
    return Response(200, {"unclear": rows, "cursor": cursor})


def _opt_out(entry: OptOut) -> dict[str, object]:
    # There is no change of a number that has only sent unclear texts.
    latest = entry.changes[-1] if entry.changes else None
    return {
        "number": entry.number,
        "opted_out": entry.opted_out,
        "source": latest.source if latest else None,
        "scope": latest.scope if latest else None,
        "timestamp": iso(latest.at_ms) if latest else None,
        "history": [
            {
                "at": iso(change.at_ms),
                "opted_out": change.opted_out,
                "source": change.source,
                "note": change.note,
                "scope": change.scope,
            }
            for change in entry.changes
        ],
        "unclear": [
            {"message_id": one.message_id, "at": iso(one.at_ms), "dismissed_at": _when(one.dismissed_ms)}
            for one in entry.unclear
        ],
    }


def _when(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)


def _entry(entry: Entry) -> dict[str, object]:
    row: dict[str, object] = {"at": iso(entry.at_ms), "status": entry.status, "source": entry.source}
    if entry.note:
        row["note"] = entry.note
    if entry.faults:
        row["errors"] = [fault_fields(fault) for fault in entry.faults]
    return row


def fault_fields(fault: Fault) -> dict[str, object]:
    """What went wrong with a message, with its explanation, as `errors[]` and `provider` have it."""
    return {
        "code": fault.code,
        "title": fault.title,
        "detail": fault.detail,
        "explanation": _explanation(fault),
    }


def _row(fault: Fault) -> dict[str, object]:
    return {"error": fault.title, "code": fault.code, "explanation": _explanation(fault)}


def _explanation(fault: Fault) -> dict[str, object]:
    found = error_codes.explain(fault)
    return {
        "meaning": found.meaning,
        "whose": found.responsible,
        "resend": found.resend,
        "next": found.next_step,
    }

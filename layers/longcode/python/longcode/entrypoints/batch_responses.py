"""The JSON answers of POST /sms/batch."""

from collections import Counter
from collections.abc import Mapping, Sequence

from longcode.domain.message import iso
from longcode.domain.status import Status
from longcode.entrypoints.error_responses import error_response
from longcode.entrypoints.responses import Response, replaced_fields, test_field
from longcode.use_cases.batch import BatchText
from longcode.use_cases.batch_dry_run import Checked, DryRun


def accepted(texts: Sequence[BatchText]) -> Response:
    """What became of each, in the order of the items."""
    refused = sum(text.refused is not None for text in texts)
    rows = [_row(place, text) for place, text in enumerate(texts)]
    return Response(202, {"accepted": len(texts) - refused, "refused": refused, "messages": rows})


def checked(found: DryRun, token: str) -> Response:
    """What a dry run saw of each, and in total."""
    rows = [_checked(place, item) for place, item in enumerate(found.items)]
    return Response(200, {"dry_run": True, "token": token, "messages": rows, "totals": _totals(found)})


def _row(place: int, text: BatchText) -> Mapping[str, object]:
    if text.refused:
        return _refused(place, text)
    message = text.existing or text.asked
    row: dict[str, object] = {
        "message_id": message.id,
        "status": message.status.value,
        "segments": message.parts or message.segments,
        **test_field(message),
    }
    if message.send_at_ms is not None:
        row["send_at"] = iso(message.send_at_ms)
    if message.status is Status.HELD:
        row |= {"eta": iso(message.ready_ms), "held_by": message.held_by}
    wanted = text.item.wanted
    return row | (replaced_fields(wanted.replaced) if wanted and text.new else {})


def _refused(place: int, text: BatchText) -> dict[str, object]:
    """As POST /sms/queue would answer it, with its place, its status and when to try again."""
    assert text.refused
    response = error_response(text.refused)
    row = {"index": place, "status_code": response.status, **response.fields}
    if after := response.headers.get("retry-after"):
        row["retry_after_s"] = int(after)
    return row


def _checked(place: int, item: Checked) -> dict[str, object]:
    row: dict[str, object] = {"valid": item.text.refused is None}
    if item.text.refused:
        row |= _refused(place, item.text)
    elif item.text.existing:
        # The same request was accepted before: nothing would be sent for it.
        row |= {"message_id": item.text.existing.id, "status": item.text.existing.status.value}
    elif item.text.asked.status is Status.HELD:
        row |= {"eta": iso(item.text.asked.ready_ms), "held_by": item.text.asked.held_by}
    return row | {
        "encoding": item.size.encoding if item.size else None,
        "segments": item.size.segments if item.size else None,
        "carrier": item.carrier,
        "duplicate_of": item.duplicate_of,
    }


def _totals(found: DryRun) -> dict[str, object]:
    refused = sum(item.text.refused is not None for item in found.items)
    by_carrier = Counter(item.carrier.value if item.carrier else "unknown" for item in found.to_send)
    finishes_ms, until_ms = found.forecast.finishes_ms, found.forecast.valid_until_ms
    return {
        "messages": len(found.items),
        "valid": len(found.items) - refused,
        "refused": refused,
        "segments": sum(item.text.asked.segments for item in found.to_send),
        "cost": None if found.cost is None else f"{found.cost:f}",
        "currency": found.currency,
        "opted_out": found.opted_out,
        "duplicates": sum(item.duplicate_of is not None for item in found.items),
        "held_by_quiet_hours": found.forecast.quiet,
        "expired_unsent": found.forecast.expired,
        "finishes_at": None if finishes_ms is None else iso(finishes_ms),
        "valid_until": None if until_ms is None else iso(until_ms),
        "by_carrier": dict(sorted(by_carrier.items())),
        "into_tomorrow": {carrier.value: many for carrier, many in sorted(found.forecast.into_tomorrow.items())},
    }

"""What the simulated provider saw of one text: the requests, and the receipts that it sent."""

from collections.abc import Sequence
from typing import Any

from longcode_cli.trace.model import Group, Span, State
from longcode_cli.trace.words import span

_WENT_WELL = 300


# Any: rows of the simulator's control API.
def seen(
    ident: str, telnyx_id: str | None, requests: Sequence[dict[str, Any]], webhooks: Sequence[dict[str, Any]]
) -> list[Span]:
    """The spans of a text. Its request names it by its idempotency key, its receipts by the provider's id."""
    own = [row for row in requests if row.get("idempotency_key") == ident]
    ids = {telnyx_id, *(row.get("message_id") for row in own)} - {None}
    receipts = [row for row in webhooks if row.get("message_id") in ids]
    return [*(_request(row) for row in own), *(_receipt(row) for row in receipts)]


def _request(row: dict[str, Any]) -> Span:
    at_ms, status = round(row["arrived_ms"]), row["status"]
    answered = f"answers {status}" if status else "gives no answer"
    taken = "takes it" if row["accepted"] else "does not take it"
    label = f"Simulator: {answered}" + (" from its memory" if row["replayed"] else "")
    ok = row["accepted"] and status is not None and status < _WENT_WELL
    detail = f"It {taken} and {answered}; its outcome is to be {str(row['outcome']).replace('_', ' ')}."
    if row["accepted"] and not ok:
        detail += " So the text is on its way, and the service can't know it."
    return Span(
        Group.PROVIDER,
        "request.simulator",
        label,
        at_ms,
        at_ms,
        State.OK if ok else State.FAULT,
        detail,
        "simulator",
        (),
        tuple((name, str(row[name])) for name in ("outcome", "code", "replayed") if row[name] is not None),
    )


def _receipt(row: dict[str, Any]) -> Span:
    end_ms, took_ms, status = round(row["at_ms"]), round(row["latency_ms"] or 0), row["http_status"]
    faults = [str(fault) for fault in row["faults"]]
    ok = status is not None and status < _WENT_WELL and not faults
    word = str(row["message_status"]).replace("_", " ")
    said = f"{status}" if status is not None else (row["error"] or "no answer")
    more = f" It was sent {', '.join(faults)}." if faults else ""
    return Span(
        Group.RECEIPTS,
        "receipt.simulator",
        f"Simulator: {word}" + (f", try {row['attempt']}" if row["attempt"] > 1 else ""),
        end_ms - took_ms,
        end_ms,
        State.OK if ok else State.FAULT,
        f"Its webhook of {row['event_type']}: {said}, {span(took_ms)} after it was due.{more}",
        "simulator",
        (),
        (("event_id", str(row["event_id"])), ("attempt", str(row["attempt"]))),
    )

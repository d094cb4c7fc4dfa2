"""The pause, the breaker and the stops of carriers in words."""

from longcode.domain.carriers import Carrier
from longcode.domain.gate import Control, Gate
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy
from longcode.domain.tag_brake import Pause
from longcode.telnyx import error_codes
from longcode_cli.stack import Stack
from longcode_cli.terminal import moment, now_ms, plain, relative, say


def paused(control: Control, now_ms: int) -> str:
    """Since when and why nothing is sent, or that something is."""
    if control.paused_since_ms is None:
        return "Sending is not paused."
    since = control.paused_since_ms
    why = f": {plain(control.pause_reason)}" if control.pause_reason else "; no reason was given"
    return f"Sending is paused since {moment(since, now_ms)} ({relative(since, now_ms)}){why}."


def pauses(control: Control, now_ms: int) -> list[str]:
    """Each pause that there is, of all texts and of those of one priority, one line each."""
    found = [paused(control, now_ms)] if control.paused_since_ms is not None else []
    return found + [paused_of(priority, pause, now_ms) for priority, pause in control.pauses.items()]


def paused_of(priority: Priority, pause: Pause, now_ms: int) -> str:
    """Since when and why texts of one priority are not sent."""
    why = f": {plain(pause.reason)}" if pause.reason else "; no reason was given"
    since = f"{moment(pause.since_ms, now_ms)} ({relative(pause.since_ms, now_ms)})"
    return f"Sending of {priority} texts is paused since {since}{why}."


def breaker(control: Control, now_ms: int) -> str:
    """Since when, why and until when the breaker is open."""
    until = control.breaker_until_ms
    if until is None:
        return "The breaker is closed."
    since = control.breaker_since_ms or until
    why = plain(control.breaker_reason) or "no reason was recorded"
    then = (
        f"One text tries again at {moment(until, now_ms)} ({relative(until, now_ms)})"
        if until > now_ms
        else "The next text tries"
    )
    stopped_by = error_codes.explain(control.breaker_fault).stopped_by
    outage = ", for an outage of the provider" if stopped_by == "outage" else ""
    why = why.rstrip(".")
    return f"The breaker is open since {moment(since, now_ms)} ({relative(since, now_ms)}){outage}: {why}. {then}."


CARRIERS = {
    Carrier.ATT: "AT&T",
    Carrier.T_MOBILE: "T-Mobile",
    Carrier.VERIZON: "Verizon",
    Carrier.US_CELLULAR: "US Cellular",
    Carrier.OTHER: "other carriers",
}


def carrier_stops(gate: Gate, now_ms: int) -> list[str]:
    """Until when and why texts to which carriers are not sent, one line each."""
    lines = [
        f"Texts to {CARRIERS[stop.carrier]} wait until {moment(stop.until_ms, now_ms)} "
        f"({relative(stop.until_ms, now_ms)}): {_STOPPED_BY[stop.held_by]}."
        for stop in gate.carrier_stops
        if stop.until_ms > now_ms
    ]
    lines += [
        f"Bulk texts to {CARRIERS[Carrier(carrier)]} are paused since {moment(pause.since_ms, now_ms)} "
        f"({relative(pause.since_ms, now_ms)}){': ' + plain(pause.reason) if pause.reason else ''}; "
        f"longcode resume --carrier {carrier}."
        for carrier, pause in gate.carrier_pauses.items()
    ]
    until = gate.sender.not_before_ms
    if until is not None and until > now_ms:
        why = _STOPPED_BY[HeldBy.PROVIDER_BACKOFF]
        lines.append(f"All texts wait until {moment(until, now_ms)} ({relative(until, now_ms)}): {why}.")
    return lines


_STOPPED_BY = {
    HeldBy.CARRIER_RATE: "it refused some for the rate at which we sent them",
    HeldBy.CARRIER_DAY_CAP: "it takes no more of ours today",
    HeldBy.PROVIDER_BACKOFF: "the provider's own queue is too long",
}


def say_what_holds_texts(stack: Stack) -> None:
    """Say why texts that were put back do not leave at once, if something stops them."""
    now = now_ms()
    gate = stack.limits.read_gate("", stack.sender)
    control = gate.control
    for words in pauses(control, now):
        say(f"They wait: {words}")
    if control.breaker_until_ms is not None:
        say(f"They wait: {breaker(control, now)}")
    for line in carrier_stops(gate, now):
        say(line)

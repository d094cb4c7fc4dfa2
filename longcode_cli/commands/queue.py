"""`longcode queue`: who waits, for what, and whether sending is stopped."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from longcode.domain import braking
from longcode.domain.gate import Control, Gate
from longcode.domain.message import iso
from longcode.domain.priority import Priority
from longcode.domain.status import HeldBy
from longcode.telnyx import error_codes
from longcode.use_cases import send_attempt
from longcode_cli import overview, terminal
from longcode_cli.brakes import breaker, carrier_stops, pauses
from longcode_cli.options import ANYWHERE, AsJson, Full, Where, examples, stack_options
from longcode_cli.overview import Overview, RecipientQueue
from longcode_cli.terminal import count, moment, now_ms, number, plain, relative, say, say_json, span

_HIDDEN = "hidden until their slots, or being sent"

EXAMPLES = examples("queue", "queue --rows 100 --stack long-code-sms-prod", "queue --json")


@stack_options(*ANYWHERE)
def command(
    where: Where,
    rows: Annotated[
        int, typer.Option(min=0, metavar="N", help="Show so many recipients, longest waiting first.")
    ] = 20,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Read at most so many waiting texts.")] = 5000,
    full: Full = False,
    as_json: AsJson = False,
) -> None:
    """Who waits in which queue, for what, and whether sending is stopped. Also the dead letters."""
    stack = where.open()
    now = now_ms()
    found = overview.look(stack, now, at_most_texts=limit, at_most_recipients=rows)
    if as_json:
        say_json(_overview_json(found, now, full=full))
    else:
        say(_overview(found, now, full=full))


# ------------------------------------------------------------------------------------------ for a person


def _overview(found: Overview, now_ms: int, *, full: bool) -> RenderableType:
    """The queue: its brakes, its depth, and who waits."""
    facts = terminal.facts(_facts(found, now_ms, full=full))
    if not found.recipient_queues:
        return facts
    table = terminal.table(
        "to", "priority", "texts", "oldest", "next leaves", "held by", right=("texts", "oldest")
    )
    for row in found.recipient_queues:
        table.add_row(
            number(row.recipient, full=full),
            row.priority.value,
            f"{row.texts:,}",
            span(now_ms - row.oldest_ms),
            _next(row, now_ms),
            row.held_by.value if row.held_by else "",
        )
    return Group(facts, "", table, *_rest(found))


def _facts(found: Overview, now_ms: int, *, full: bool) -> list[tuple[str, RenderableType]]:
    dead = Text(f"{found.dead_letters:,}")
    if found.dead_letters:
        dead = Text(f"{found.dead_letters:,}; fix the consumer, then longcode redrive puts them back", "red")
    oldest = "none waits"
    if found.oldest_ms is not None:
        oldest = f"{span(now_ms - found.oldest_ms)}" + ("" if found.complete else ", of those read")
    stops = [Text(words, "yellow") for words in _stops(found.gate, now_ms)]
    doubts = [Text(words) for words in _suspicions(found.gate.control, full=full)]
    return [
        ("sending", Group(*(stops or [Text("is open")]), *doubts)),
        ("ready", _each({name: queue.visible for name, queue in found.queues.items()})),
        ("in flight", f"{_each({name: queue.hidden for name, queue in found.queues.items()})}: {_HIDDEN}"),
        ("dead letters", dead),
        ("oldest waits", oldest),
        ("held", _held(found, now_ms)),
    ]


def _each(numbers: Mapping[Priority, int]) -> str:
    """A number of each queue."""
    return ", ".join(f"{number:,} {priority}" for priority, number in numbers.items())


def _held(found: Overview, now_ms: int) -> str:
    if found.held_until_ms is None:
        return "none"
    many = f"{found.held:,}" + ("" if found.complete else ", of those read")
    return f"{many}, the first until {moment(found.held_until_ms, now_ms)} (longcode schedule)"


def _stops(gate: Gate, now_ms: int) -> list[str]:
    """What stops sending or slows it down."""
    stops = []
    stops += pauses(gate.control, now_ms)
    if gate.control.breaker_until_ms is not None:
        stops.append(breaker(gate.control, now_ms))
    if (slowed := _braked(gate, now_ms)) is not None:
        stops.append(slowed)
    return [*stops, *carrier_stops(gate, now_ms)]


def _braked(gate: Gate, now_ms: int) -> str | None:
    """Since when the provider asks all of us for less, and how much leaves all the same; None if it does not."""
    brake = gate.brake(now_ms)
    if brake is None:
        return None
    since = f"{moment(brake.since_ms, now_ms)} ({relative(brake.since_ms, now_ms)})"
    if brake.since_ms > now_ms:
        return f"The provider asked for less: nothing leaves until {since}, then {_pace(brake.rate)}."
    now = _pace(braking.rate_at(brake, now_ms))
    leave = "leaves" if now.startswith("1 text in") else "leave"
    return (
        f"The provider asked for less at {since}: {now} {leave} now, and more from second to second until it asks "
        "again."
    )


def _pace(rate: int) -> str:
    """A rate of a brake, which is in texts in 1,000 seconds."""
    return f"1 text in {1000 / rate:.3g} s" if rate < 1_000 else f"{rate / 1000:.3g} texts a second"


def _suspicions(control: Control, *, full: bool) -> list[str]:
    """What may be the same for all: not yet often enough to stop sending."""
    return [
        f"Texts to {count(len(numbers), 'recipient')} in a row met "
        f"{'an outage of the provider' if kind == 'outage' else plain(kind)} "
        f"({', '.join(number(one, full=full) for one in numbers)}): "
        f"with {send_attempt.BREAKER_RECIPIENTS} the breaker opens."
        for kind, numbers in sorted(_suspected(control).items())
    ]


def _suspected(control: Control) -> dict[str, list[str]]:
    """Kind of trouble → the recipients whose texts met it."""
    found: dict[str, list[str]] = {}
    for row in sorted(control.suspects):
        kind, _, recipient = row.partition(" ")
        found.setdefault(kind, []).append(recipient)
    return found


def _next(row: RecipientQueue, now_ms: int) -> str:
    if row.held_by is HeldBy.PAUSED:
        return "after resume"
    if row.held_by is HeldBy.OPT_OUT_UNCLEAR:
        return "after review"
    if row.eta_ms is None:
        return "just left"
    return relative(row.eta_ms, now_ms) if row.eta_ms > now_ms else "now"


def _rest(found: Overview) -> list[str]:
    words = []
    if found.recipients > len(found.recipient_queues):
        words.append(f"… and {count(found.recipients - len(found.recipient_queues), 'more recipient')} (--rows).")
    if not found.complete:
        words.append(f"Stopped after {count(found.texts, 'text')}: more wait than that (--limit).")
    return words


# ------------------------------------------------------------------------------------------ for a script


def _overview_json(found: Overview, now_ms: int, *, full: bool) -> dict[str, Any]:
    """The same for a script. Durations are seconds, times ISO 8601; `complete` false: more wait than were read."""
    return {
        "ready": found.queue.visible,
        "in_flight": found.queue.hidden,
        "queues": {
            priority: {"ready": queue.visible, "in_flight": queue.hidden}
            for priority, queue in found.queues.items()
        },
        "dead_letters": found.dead_letters,
        "oldest_waits_s": (now_ms - found.oldest_ms) / 1000 if found.oldest_ms is not None else None,
        **_stops_json(found.gate, now_ms),
        "suspects": [
            {"kind": kind, "to": number(one, full=full)}
            for kind, numbers in sorted(_suspected(found.gate.control).items())
            for one in numbers
        ],
        "texts": found.texts,
        "recipients": found.recipients,
        "waiting": [
            {
                "to": number(row.recipient, full=full),
                "priority": row.priority,
                "texts": row.texts,
                "oldest_at": iso(row.oldest_ms),
                "eta": _when(row.eta_ms),
                "held_by": row.held_by,
            }
            for row in found.recipient_queues
        ],
        "held": found.held,
        "held_until": _when(found.held_until_ms),
        "complete": found.complete,
    }


def _stops_json(gate: Gate, now_ms: int) -> dict[str, Any]:
    control, brake = gate.control, gate.brake(now_ms)
    fields: dict[str, Any] = {"paused": None, "breaker": None, "brake": None}
    fields["carriers"] = [
        {"carrier": stop.carrier, "until": iso(stop.until_ms), "held_by": stop.held_by}
        for stop in gate.carrier_stops
        if stop.until_ms > now_ms
    ]
    if control.paused_since_ms is not None:
        fields["paused"] = {"since": _when(control.paused_since_ms), "reason": control.pause_reason}
    fields["pauses"] = {
        priority: {"since": iso(pause.since_ms), "reason": pause.reason}
        for priority, pause in control.pauses.items()
    }
    if control.breaker_until_ms is not None:
        fields["breaker"] = {
            "since": _when(control.breaker_since_ms),
            "until": _when(control.breaker_until_ms),
            "reason": control.breaker_reason,
            "stopped_by": error_codes.explain(control.breaker_fault).stopped_by,
        }
    if brake is not None:
        fields["brake"] = {
            "since": _when(brake.since_ms),
            "texts_per_second": braking.rate_at(brake, now_ms) / 1000 if brake.since_ms <= now_ms else 0.0,
        }
    return fields


def _when(at_ms: int | None) -> str | None:
    return iso(at_ms) if at_ms is not None else None

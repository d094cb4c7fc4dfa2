"""`longcode status`: what became of one text."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from longcode.domain.gate import Control
from longcode.domain.message import Fault, Message, iso, utc
from longcode.domain.opt_out_keywords import OptOutKeyword
from longcode.domain.status import HeldBy, Status
from longcode.domain.tag_brake import tag_of
from longcode.domain.timeline import timeline
from longcode.entrypoints import responses
from longcode.use_cases import enqueue
from longcode.use_cases.enqueue import Forecast
from longcode.use_cases.test_limits import limits_of
from longcode_cli import terminal
from longcode_cli.brakes import breaker, paused
from longcode_cli.options import ANYWHERE, AsJson, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.terminal import (
    count,
    masked_fields,
    moment,
    now_ms,
    number,
    plain,
    relative,
    say,
    say_json,
    span,
    warn,
    without_numbers,
)
from longcode_cli.trace import recorder

EXAMPLES = examples(
    "status 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10",
    "status 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10 --full",
    "status 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10 --trace out.html",
    "status 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10 --json --stack long-code-sms-prod --profile ops",
)

_HELD_BY = {
    HeldBy.RECIPIENT_RATE: "the recipient's rate",
    HeldBy.SENDER_RATE: "the sender's rate",
    HeldBy.ACCOUNT_RATE: "the account's rate",
    HeldBy.PAUSED: "the pause",
    HeldBy.BREAKER: "the breaker",
    HeldBy.PROVIDER_BACKOFF: "the provider, who asked for less",
    HeldBy.OPT_OUT_UNCLEAR: "an answer to their text (longcode optouts review)",
    HeldBy.CARRIER_RATE: "the rate that the recipient's carrier allows",
    HeldBy.CARRIER_DAY_CAP: "the carrier's next day",
    HeldBy.SCHEDULE: "its time",
    HeldBy.QUIET_HOURS: "the end of the recipient's quiet hours",
    HeldBy.RECIPIENT_LIMIT: "how many texts the recipient gets in a while (RecipientLimits)",
    HeldBy.TAG_PAUSED: "its tag, which is paused (longcode resume --tag)",
    HeldBy.CARRIER_PAUSED: "its carrier, to which bulk is paused (longcode resume --carrier)",
}
_READ_AS: dict[OptOutKeyword, RenderableType] = {
    OptOutKeyword.STOP: "a STOP",
    OptOutKeyword.START: "a START",
    OptOutKeyword.UNCLEAR: Text(
        "perhaps a request to stop: a person has to read it; longcode optouts review", "yellow"
    ),
}


@stack_options(*ANYWHERE)
def command(
    where: Where,
    message_id: Annotated[str, typer.Argument(metavar="ID", help="Our message id, or Telnyx's.")],
    full: Annotated[
        bool, typer.Option("--full", help="Show the text, its metadata and whole phone numbers.")
    ] = False,
    trace: Annotated[
        Path | None,
        typer.Option(
            "--trace",
            metavar="FILE",
            help="Write its way as a timeline into an HTML file, with the log lines behind it: docs/recorder.md.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What became of one text, or when it will leave. Accepted, waited, sent, its receipts and errors."""
    stack = where.open()
    found = stack.messages.find(message_id.strip())
    if found is None:
        raise Problem(f"{stack.name} has no message {message_id}.", "Is it the right stack?")
    now = now_ms()
    gate = limits_of(found, stack.limits).read_gate(found.recipient, found.sender, found.priority, tag_of(found))
    forecast = None
    if found.status.waiting:
        forecast = enqueue.forecast(found, stack.messages, gate, now, stack.pace, stack.quiet_hours)
    if trace is not None:
        recorder.write(trace, recorder.record(stack, found, forecast, now, full=full))
        # A script that wants both reads the answer on stdout.
        (warn if as_json else say)(f"Its way is in {plain(str(trace))}.")
    if as_json:
        say_json(_message_json(found, forecast, full=full))
        return
    say(message(found, forecast, gate.control, now, full=full))


def _message_json(found: Message, forecast: Forecast | None, *, full: bool) -> dict[str, Any]:
    """The API's own answer about a message, with what is not to be shown masked or null."""
    return masked_fields(responses.status(found, forecast).fields, full=full)


def message(
    found: Message, forecast: Forecast | None, control: Control, now_ms: int, *, full: bool
) -> RenderableType:
    """One message: what it is, then all that happened to it, then what comes next."""
    outlook = _outlook(found, forecast, control, now_ms)
    return Group(
        Text.assemble("Message ", (found.id, "bold"), f", accepted {relative(found.accepted_ms, now_ms)}"),
        terminal.facts(_facts(found, full=full)),
        "",
        _history(found, forecast, full=full),
        *(["", outlook] if outlook else []),
    )


def _facts(found: Message, *, full: bool) -> list[tuple[str, RenderableType]]:
    words = plain(found.text or "not kept") if full else "hidden; --full shows it"
    facts: list[tuple[str, RenderableType]] = [
        ("status", terminal.status(found.status)),
        ("from", plain(number(found.sender, full=full))),
        ("to", plain(number(found.recipient, full=full))),
        ("text", f"{words} ({count(found.parts or found.segments, 'part')})"),
        ("telnyx id", plain(found.telnyx_id or "none yet")),
    ]
    for name, at_ms in (("send at", found.send_at_ms), ("expires at", found.expires_ms)):
        if at_ms is not None:
            facts.append((name, iso(at_ms)))
    if found.category is not None:
        facts.append(("category", found.category))
    if found.carrier is not None:
        facts.append(
            ("carrier", plain(f"{found.carrier} ({found.line_type})" if found.line_type else found.carrier))
        )
    if found.direction == "outbound":
        facts.append(("attempts", str(found.attempts)))
    if found.opt_out is not None:
        facts.append(("read as", _READ_AS[OptOutKeyword(found.opt_out)]))
    if found.cost is not None:
        facts.append(("cost", plain(f"{found.cost} {found.currency or ''}")))
    if full and found.metadata:
        facts.append(("metadata", plain(", ".join(f"{name}={value}" for name, value in found.metadata.items()))))
    return facts


def _history(found: Message, forecast: Forecast | None, *, full: bool) -> Table:
    table = terminal.table("when (UTC)", "after", "what", "details", right=("after",))
    table.columns[-1].no_wrap = False
    table.columns[-1].overflow = "fold"
    for at_ms, what, details in _timeline(found, forecast, full=full):
        after = "" if at_ms == found.accepted_ms else f"+{span(at_ms - found.accepted_ms)}"
        table.add_row(_clock(at_ms, found.accepted_ms), after, what, details)
    return table


def _clock(at_ms: int, first_ms: int) -> str:
    at, first = utc(at_ms), utc(first_ms)
    date = f"{at:%Y-%m-%d} " if at_ms == first_ms or at.date() != first.date() else ""
    return f"{date}{at:%H:%M:%S}.{at_ms % 1000:03}"


def _timeline(found: Message, forecast: Forecast | None, *, full: bool) -> list[tuple[int, str, str]]:
    """Moment, event, details; in the order of time."""
    rows = []
    outlook = (forecast.held_by, forecast.eta_ms) if forecast else None
    for entry in timeline(found, outlook, forecast.reason if forecast else ""):
        details = [
            entry.source,
            *filter(None, [(entry.note or "").rstrip(".")]),
            *(_fault(fault) for fault in entry.faults),
        ]
        rows.append((entry.at_ms, plain(entry.status), plain(without_numbers("; ".join(details), full=full))))
    return rows


def _fault(fault: Fault) -> str:
    return " ".join(filter(None, [fault.code, fault.title, f"({fault.detail})" if fault.detail else ""]))


def _outlook(found: Message, forecast: Forecast | None, control: Control, now_ms: int) -> str:
    """What comes next, where something does."""
    if forecast is not None and found.status.waiting:
        return _when_it_leaves(found, forecast, control, now_ms)
    if found.status is Status.UNKNOWN:
        settles = "A receipt or the provider's records settle it."
        return f"Whether the provider has it is not known yet. {settles} {_again(found)}"
    return ""


def _when_it_leaves(found: Message, forecast: Forecast, control: Control, now_ms: int) -> str:
    tried = f" after {count(found.attempts, 'attempt')}" if found.attempts else ""
    place = "It is the first for its recipient" if forecast.position == 1 else f"It is number {forecast.position}"
    if forecast.held_by is HeldBy.PAUSED:
        return f"{place}{tried} and waits for the pause to end. {paused(control, now_ms)}"
    if forecast.held_by is HeldBy.BREAKER:
        return f"{place}{tried} and waits for the breaker. {breaker(control, now_ms)}"
    if forecast.held_by is HeldBy.OPT_OUT_UNCLEAR:
        return f"{place}{tried} and waits for {_HELD_BY[forecast.held_by]}."
    what = f" It waits for {_HELD_BY[forecast.held_by]}." if forecast.held_by else ""
    when = "now"
    if forecast.eta_ms is not None and forecast.eta_ms > now_ms:
        when = f"at {moment(forecast.eta_ms, now_ms)} ({relative(forecast.eta_ms, now_ms)})"
    return f"{place}{tried}, and may leave {when}.{what}"


def _again(found: Message) -> str:
    """Whether the request for a text in doubt is repeated."""
    if found.no_resend:
        return "Its request is not repeated any more."
    times = f" It was repeated {count(found.replays, 'time')} so far." if found.replays else ""
    return (
        "Failing these, its request is repeated, under the same idempotency key, within 23 hours and while it is "
        f"valid, unless AmbiguousSends is hold.{times}"
    )

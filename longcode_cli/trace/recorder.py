"""Records one text's way: reads what is known of it, and writes it as a file that can be shared."""

from pathlib import Path

from longcode.domain.message import Message
from longcode.domain.tag_brake import tag_of
from longcode.use_cases import enqueue
from longcode.use_cases.enqueue import Forecast
from longcode.use_cases.test_limits import limits_of
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.trace import evidence, spans
from longcode_cli.trace.model import Outlook, Trace
from longcode_cli.trace.page import page

# Longer than any id, and shorter than what a table takes as a key.
_ID_MOST = 200


def record(stack: Stack, message: Message, forecast: Forecast | None, now_ms: int, *, full: bool = False) -> Trace:
    """The way of a message so far. `forecast` is what it will do next, where it waits."""
    outlook = Outlook(forecast.held_by, forecast.eta_ms, forecast.reason) if forecast else None
    return spans.trace(evidence.read(stack, message, now_ms, outlook), now_ms, full=full)


def follow(stack: Stack, ident: str, now_ms: int, *, full: bool = False) -> Trace | None:
    """The way of the message with this id, ours or the provider's; None if there is none."""
    found = stack.messages.find(ident) if len(ident) <= _ID_MOST else None
    if found is None:
        return None
    forecast = None
    if found.status.waiting:
        limits = limits_of(found, stack.limits)
        gate = limits.read_gate(found.recipient, found.sender, found.priority, tag_of(found))
        forecast = enqueue.forecast(found, stack.messages, gate, now_ms, stack.pace, stack.quiet_hours)
    return record(stack, found, forecast, now_ms, full=full)


def write(path: Path, trace: Trace) -> None:
    """Write a trace as one HTML file. Raises Problem where it can't be written."""
    try:
        path.write_text(page(trace), encoding="utf-8")
    except OSError as exc:
        raise Problem(f"The file {path} can't be written: {exc.strerror}.", "Name another one.") from None

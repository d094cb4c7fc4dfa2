"""Records one text's way: reads what is known of it, and writes it as a file that can be shared."""

from pathlib import Path

from longcode.domain.message import Message
from longcode.use_cases.enqueue import Forecast
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.trace import evidence, spans
from longcode_cli.trace.model import Outlook, Trace
from longcode_cli.trace.page import page


def record(stack: Stack, message: Message, forecast: Forecast | None, now_ms: int, *, full: bool = False) -> Trace:
    """The way of a message so far. `forecast` is what it will do next, where it waits."""
    outlook = Outlook(forecast.held_by, forecast.eta_ms, forecast.reason) if forecast else None
    return spans.trace(evidence.read(stack, message, now_ms, outlook), now_ms, full=full)


def write(path: Path, trace: Trace) -> None:
    """Write a trace as one HTML file. Raises Problem where it can't be written."""
    try:
        path.write_text(page(trace), encoding="utf-8")
    except OSError as exc:
        raise Problem(f"The file {path} can't be written: {exc.strerror}.", "Name another one.") from None

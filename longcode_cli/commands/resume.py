"""`longcode resume`: end the pause, and close the breaker if that is asked for."""

from typing import Annotated

import typer

from longcode.domain import pacing
from longcode.domain.gate import Control
from longcode.domain.priority import Priority
from longcode.use_cases.recipient_worker import MOST_HIDDEN_MS
from longcode_cli import brakes, campaigns
from longcode_cli.options import ANYWHERE, OfPriority, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import now_ms, say, span

EXAMPLES = examples(
    "resume",
    "resume --breaker",
    "resume --priority bulk",
    "resume --tag spring-sale",
    "resume --carrier att",
    "resume --stack long-code-sms-prod --profile ops",
)


@stack_options(*ANYWHERE)
def command(
    where: Where,
    breaker: Annotated[
        bool,
        typer.Option("--breaker", help="Also close an open breaker: the fault that opened it has been fixed."),
    ] = False,
    priority: OfPriority = None,
    tag: campaigns.Tag = None,
    carrier: campaigns.OfCarrier = None,
) -> None:
    """End the pause, or that of one priority, tag or carrier. An open breaker stays open without --breaker."""
    subject, stack = campaigns.subject(tag, carrier), where.open()
    if subject and priority:
        raise Problem("A tag and a carrier are paused for bulk texts alone.", "Leave --priority out.")
    if subject:
        campaigns.resume(stack, subject)
        return
    now = now_ms()
    before = stack.limits.read_gate("", stack.sender).control
    if priority:
        if breaker:
            raise Problem("The breaker stops texts of both priorities.", "Give --priority or --breaker.")
        _resume_one(stack, before, priority, now)
        return
    stack.limits.resume()
    if breaker:
        # An operator's word counts also after an event that our registration was lost.
        stack.limits.close_breaker(now, registered=True)
    if before.paused_since_ms is None:
        say("Sending was not paused." if before.breaker_until_ms or not breaker else "Sending was not stopped.")
    else:
        say(f"The pause has ended after {span(now - before.paused_since_ms)}.")
        say(f"Texts that waited for it look again within {_wakes_within(before, now)}.")
    _say_breaker(before, now, closed=breaker)


def _resume_one(stack: Stack, before: Control, priority: Priority, now: int) -> None:
    stack.limits.resume(priority)
    pause = before.pauses.get(priority)
    if pause is None:
        say(f"Sending of {priority} texts was not paused.")
    else:
        say(f"The pause of {priority} texts has ended after {span(now - pause.since_ms)}.")
        wakes = span(pacing.recheck_ms(pause.since_ms, now))
        say(f"Texts that waited for it look again within {wakes}.")
    if before.paused_since_ms is not None:
        say(f"They still wait: {brakes.paused(before, now)}")


def _wakes_within(control: Control, now_ms: int) -> str:
    """How soon texts that waited for the pause look again: the longer it was, the more rarely they look."""
    since = control.paused_since_ms or now_ms
    return span(pacing.recheck_ms(since, now_ms))


def _say_breaker(before: Control, now_ms: int, *, closed: bool) -> None:
    until = before.breaker_until_ms
    if until is None:
        return
    if not closed:
        say(f"Sending stays stopped. {brakes.breaker(before, now_ms)}")
        say("It closes by itself when that text gets through; longcode resume --breaker closes it now.")
    elif until > now_ms:
        say(
            "The breaker is closed. New texts leave at once; those that already waited for it look again within "
            f"{span(min(until - now_ms, MOST_HIDDEN_MS))}."
        )
    else:
        say("The breaker is closed.")

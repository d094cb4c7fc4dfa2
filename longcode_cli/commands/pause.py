"""`longcode pause`: stop sending at once."""

from typing import Annotated

import typer

from longcode.domain.gate import Control
from longcode.domain.priority import Priority
from longcode_cli import campaigns
from longcode_cli.brakes import paused, paused_of
from longcode_cli.options import ANYWHERE, OfPriority, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import now_ms, say

EXAMPLES = examples(
    'pause --reason "wrong template in the spring campaign"',
    "pause --priority bulk",
    'pause --tag spring-sale --reason "wrong link"',
    "pause --stack long-code-sms-prod --profile ops",
)


@stack_options(*ANYWHERE)
def command(
    where: Where,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; shown to everyone who asks what a text waits for.")
    ] = None,
    priority: OfPriority = None,
    tag: campaigns.Tag = None,
    carrier: campaigns.OfCarrier = None,
) -> None:
    """Stop sending at once: of all, of one priority, tag or carrier. What is accepted meanwhile waits."""
    subject, stack = campaigns.subject(tag, carrier), where.open()
    if subject and priority:
        raise Problem("A tag and a carrier are paused for bulk texts alone.", "Leave --priority out.")
    if subject:
        campaigns.pause(stack, subject, (reason or "").strip())
        return
    before = stack.limits.read_gate("", stack.sender).control
    now = now_ms()
    if priority:
        _pause_one(stack, before, priority, reason, now)
        return
    stack.limits.pause(now, before.pause_reason if reason is None else reason.strip())
    control = stack.limits.read_gate("", stack.sender).control
    if before.paused_since_ms is not None:
        say(f"It was paused already. {paused(control, now)}")
        return
    say(f"{paused(control, now)} A request already on its way to the provider still ends.")
    say("queue goes on taking texts, send answers 503. longcode resume lets them go.")


def _pause_one(stack: Stack, before: Control, priority: Priority, reason: str | None, now: int) -> None:
    known = before.pauses.get(priority)
    stack.limits.pause(now, (known.reason if known else "") if reason is None else reason.strip(), priority)
    words = paused_of(priority, stack.limits.read_gate("", stack.sender).control.pauses[priority], now)
    say(f"It was paused already. {words}" if known else words)
    if not known:
        say(f"Other texts go on. longcode resume --priority {priority} lets these go.")

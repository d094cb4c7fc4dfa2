"""`longcode pause`: stop sending at once."""

from typing import Annotated

import typer

from longcode_cli import campaigns
from longcode_cli.brakes import paused
from longcode_cli.options import ANYWHERE, Where, examples, stack_options
from longcode_cli.terminal import now_ms, say

EXAMPLES = examples(
    'pause --reason "wrong template in the spring campaign"',
    'pause --tag spring-sale --reason "wrong link"',
    "pause --stack long-code-sms-prod --profile ops",
)


@stack_options(*ANYWHERE)
def command(
    where: Where,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; shown to everyone who asks what a text waits for.")
    ] = None,
    tag: campaigns.Tag = None,
    carrier: campaigns.OfCarrier = None,
) -> None:
    """Stop sending at once. What is accepted meanwhile waits in its recipient's queue; nothing is lost."""
    subject, stack = campaigns.subject(tag, carrier), where.open()
    if subject:
        campaigns.pause(stack, subject, (reason or "").strip())
        return
    before = stack.limits.read_gate("", stack.sender).control
    now = now_ms()
    stack.limits.pause(now, before.pause_reason if reason is None else reason.strip())
    control = stack.limits.read_gate("", stack.sender).control
    if before.paused_since_ms is not None:
        say(f"It was paused already. {paused(control, now)}")
        return
    say(f"{paused(control, now)} A request already on its way to the provider still ends.")
    say("queue goes on taking texts, send answers 503. longcode resume lets them go.")

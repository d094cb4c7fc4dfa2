"""`longcode optouts add`: record that a person wants no more texts."""

from typing import Annotated

import typer

from longcode.domain import phone
from longcode.domain.message import is_message_id
from longcode.domain.opt_outs import OptOutChange
from longcode.use_cases import opt_outs
from longcode_cli.options import ANYWHERE, Where, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import now_ms, say

EXAMPLES = examples(
    "optouts add 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10",
    "optouts add +12025550123 --stack long-code-sms-prod --profile ops",
)


@stack_options(*ANYWHERE)
def command(
    where: Where,
    who: Annotated[
        str, typer.Argument(metavar="ID|NUMBER", help="The id of a text from that person, or their number.")
    ],
) -> None:
    """Record that a person wants no more texts. Such as one whose text longcode optouts review shows.

    It holds from now on, also for what waits, and answers what they texted (longcode optouts review).
    DELETE /sms/optouts/{number} takes it back.
    """
    stack = where.open()
    number, text_id = person(stack, who.strip())
    now = now_ms()
    changed = opt_outs.apply(stack.optouts, number, OptOutChange(now, True, "operator", text_id), now)
    shown = phone.mask(number)
    say(f"{shown} is opted out: no more texts go there." if changed else f"{shown} was opted out already.")


def person(stack: Stack, who: str) -> tuple[str, str]:
    """The number that is meant, and the id of the text that it was taken from, if it was."""
    if is_message_id(who):
        message = stack.messages.find(who.lower())
        if message is None:
            raise Problem(f"{stack.name} has no message {who}.", "Is it the right stack?")
        if message.direction == "outbound":
            raise Problem(f"{who} is a text that was sent.", "Give the id of a text that came in, or the number.")
        return message.sender, message.id
    number = phone.canonical(who)
    if not phone.is_e164(number) and stack.optouts.get(number) is None:
        raise typer.BadParameter(
            "must be the id of a text, one number in E.164 format, as +12025550123, or a sender in the ledger.",
            param_hint="ID|NUMBER",
        )
    return number, ""

"""`longcode optouts dismiss`: a text that may have asked for an end, and meant something else."""

from typing import Annotated

import typer

from longcode.domain import phone
from longcode.use_cases import opt_outs
from longcode_cli.commands.optouts.add import person
from longcode_cli.options import ANYWHERE, Where, examples, stack_options
from longcode_cli.terminal import count, now_ms, say

EXAMPLES = examples(
    "optouts dismiss 0b8f6a52-6c1e-4a57-9d0e-3f1c2a7b9e10",
    "optouts dismiss +12025550123 --stack long-code-sms-prod --profile ops",
)


@stack_options(*ANYWHERE)
def command(
    where: Where,
    who: Annotated[
        str, typer.Argument(metavar="ID|NUMBER", help="The id of a text, or the number whose texts are all meant.")
    ],
) -> None:
    """Record that a text meant something else. One that longcode optouts review shows.

    The person is texted as before. With HoldOnUnclear their texts leave then, unless another of theirs is to
    review.
    """
    stack = where.open()
    number, text_id = person(stack, who.strip())
    done = opt_outs.dismiss(stack.optouts, number, text_id or None, now_ms())
    shown = phone.mask(number)
    say(f"{count(done, 'text')} of {shown} dismissed." if done else f"Nothing of {shown} is to review.")

"""`longcode webhooks enable`: let a subscription deliver again."""

from longcode_cli.commands.webhooks.asking import Ident, asking, checked
from longcode_cli.options import ANYWHERE_OR_ENV, Where, examples, stack_options
from longcode_cli.terminal import plain, say

EXAMPLES = examples("webhooks enable whs_Yk3vQm0Zr8sT1uW5xA7bCd")


@stack_options(*ANYWHERE_OR_ENV)
def command(where: Where, subscription_id: Ident) -> None:
    """Let a subscription deliver again. What it failed to deliver before is not made up for: see replay."""
    with asking(where) as api:
        api.ask(api.client.change_subscription, checked(subscription_id), enabled=True)
    say(f"{plain(subscription_id)} delivers again.")

"""`longcode webhooks disable`: let a subscription deliver nothing for a while."""

from longcode_cli.commands.webhooks.asking import Ident, asking, checked
from longcode_cli.options import ANYWHERE_OR_ENV, Where, examples, stack_options
from longcode_cli.terminal import plain, say

EXAMPLES = examples("webhooks disable whs_Yk3vQm0Zr8sT1uW5xA7bCd")


@stack_options(*ANYWHERE_OR_ENV)
def command(where: Where, subscription_id: Ident) -> None:
    """Let a subscription deliver nothing more, until it is enabled again."""
    with asking(where) as api:
        api.ask(api.client.change_subscription, checked(subscription_id), enabled=False)
    say(f"{plain(subscription_id)} delivers nothing more.")

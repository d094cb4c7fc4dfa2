"""`longcode webhooks delete`: end a subscription."""

from longcode_cli.commands.webhooks.asking import Ident, asking, checked
from longcode_cli.options import ANYWHERE_OR_ENV, Where, Yes, examples, stack_options
from longcode_cli.terminal import ask, plain, say

EXAMPLES = examples("webhooks delete whs_Yk3vQm0Zr8sT1uW5xA7bCd")


@stack_options(*ANYWHERE_OR_ENV)
def command(where: Where, subscription_id: Ident, yes: Yes = False) -> None:
    """End a subscription, with its secrets. What waits to be delivered to it never is."""
    with asking(where) as api:
        found = api.ask(api.client.subscription, checked(subscription_id))
        if not yes:
            ask(f"End the deliveries to {plain(found.url)} for good?")
        api.ask(api.client.unsubscribe, subscription_id)
    say(f"{plain(subscription_id)} is deleted.")

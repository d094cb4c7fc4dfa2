"""Webhooks to the user's own URLs: which of them are disabled, or fail."""

from longcode.aws.subscriptions import DynamoSubscriptions
from longcode.domain.subscriptions import DisabledReason, Subscription
from longcode_cli.commands.doctor.case import Case, NotApplicable, Outcome, address, ok, warn
from longcode_cli.terminal import count, plain, relative

_WHY = {
    DisabledReason.REQUEST: "by request",
    DisabledReason.FAILING: "as it failed for days",
    DisabledReason.GONE: "as it answered 410",
}


def _subscriptions(case: Case) -> Outcome:
    outputs = case.stack.outputs
    if "WebhooksTableName" not in outputs:
        raise NotApplicable
    found = DynamoSubscriptions(case.stack.client("dynamodb"), outputs["WebhooksTableName"]).all()
    ill = [words for one in found if (words := _ill(one, case.now_ms()))]
    if ill:
        return warn(
            "\n".join(ill),
            f"{case.longcode('webhooks deliveries ID')} shows what it answers, "
            f"{case.longcode('webhooks enable ID')} lets it deliver again.",
        )
    return ok(f"{count(len(found), 'subscription')}, none disabled or failing" if found else "none")


def _ill(one: Subscription, now_ms: int) -> str:
    """What is to be said of a subscription, without what may be secret in its URL; nothing if it is well."""
    if one.disabled:
        return f"{one.id} ({plain(address(one.url))}) is disabled {_WHY[one.disabled]}."
    if one.failing_since_ms is not None:
        return f"{one.id} ({plain(address(one.url))}) fails, since {relative(one.failing_since_ms, now_ms)}."
    return ""


CHECKS = {"subscriptions": _subscriptions}

"""The calls about subscriptions: which events are posted to which URL, and what became of that."""

from collections.abc import Mapping, Sequence
from typing import Any

from longcode.client.answers import Delivery, Replayed, Subscription
from longcode.client.steps import Call, Page
from longcode.client.texts import Moment, encoded, page_of, part, said

_PATH = "/webhooks/subscriptions"


def subscribe(url: str, events: Sequence[str] = ("*",), *, description: str | None = None) -> Call[Subscription]:
    """POST /webhooks/subscriptions: have events posted to a URL. The answer alone has the `secret`: keep it.

    It is repeated only where the API surely did not see it: a second one would be a subscription more.
    """
    body = encoded({"url": url, "events": list(events), "description": description})
    return Call(method="POST", path=_PATH, read=Subscription.read, body=body, repeatable=False)


def subscriptions() -> Call[tuple[Subscription, ...]]:
    """GET /webhooks/subscriptions: all of them."""
    rows = page_of("subscriptions", Subscription)
    return Call(method="GET", path=_PATH, read=lambda fields: rows(fields).rows)


def subscription(subscription_id: str) -> Call[Subscription]:
    """GET /webhooks/subscriptions/{subscription_id}: one of them."""
    return Call(method="GET", path=_path(subscription_id), read=Subscription.read)


def change_subscription(
    subscription_id: str,
    *,
    url: str | None = None,
    events: Sequence[str] | None = None,
    description: str | None = None,
    enabled: bool | None = None,
) -> Call[Subscription]:
    """PATCH /webhooks/subscriptions/{subscription_id}: change what is given; the rest stays."""
    fields = {
        "url": url,
        "events": None if events is None else list(events),
        "description": description,
        "enabled": enabled,
    }
    return Call(method="PATCH", path=_path(subscription_id), read=Subscription.read, body=encoded(fields))


def unsubscribe(subscription_id: str) -> Call[None]:
    """DELETE /webhooks/subscriptions/{subscription_id}: no more events to its URL."""
    return Call(
        method="DELETE",
        path=_path(subscription_id),
        read=_nothing,
        missing_is_done=True,
        may_be_empty=True,
    )


def rotate_secret(subscription_id: str, *, overlap_s: int | None = None) -> Call[Subscription]:
    """POST /webhooks/subscriptions/{subscription_id}/secret: a new `secret`, which the answer alone has.

    For `overlap_s` seconds each event is signed with both. It is repeated only where the API surely did not see
    it.
    """
    return Call(
        method="POST",
        path=f"{_path(subscription_id)}/secret",
        read=Subscription.read,
        body=encoded({"overlap_s": overlap_s}),
        repeatable=False,
    )


def deliveries(
    subscription_id: str,
    *,
    state: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    page_size: int | None = None,
) -> Call[Page[Delivery]]:
    """GET /webhooks/subscriptions/{subscription_id}/deliveries: what became of events, the newest first."""
    wanted = {"state": state, "since": since, "until": until, "limit": page_size}
    return Call(
        method="GET",
        path=f"{_path(subscription_id)}/deliveries",
        read=page_of("deliveries", Delivery),
        query={name: said(value) for name, value in wanted.items() if value is not None},
    )


def replay(
    subscription_id: str,
    *,
    event_ids: Sequence[str] | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    cursor: str | None = None,
) -> Call[Replayed]:
    """POST /webhooks/subscriptions/{subscription_id}/replay: post events once more, by id or by time.

    Where the answer has a `cursor` there are more of that time: call again with it. It is repeated only where the
    API surely did not see it.
    """
    fields = {
        "event_ids": None if event_ids is None else list(event_ids),
        "since": since,
        "until": until,
        "cursor": cursor,
    }
    return Call(
        method="POST",
        path=f"{_path(subscription_id)}/replay",
        read=Replayed.read,
        body=encoded(fields),
        repeatable=False,
    )


def _path(subscription_id: str) -> str:
    return f"{_PATH}/{part(subscription_id)}"


# Any: JSON of the API.
def _nothing(_: Mapping[str, Any]) -> None:
    """Whatever the answer has, it is not needed."""

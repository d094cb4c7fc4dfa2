"""Webhook subscriptions as their user makes, changes and ends them."""

import base64
import secrets
from dataclasses import dataclass, replace

from longcode.domain.errors import InvalidRequest, NotFound, TooManySubscriptions, Unavailable
from longcode.domain.subscription_request import SubscriptionRequest
from longcode.domain.subscriptions import MOST_SUBSCRIPTIONS, Secret, Subscription
from longcode.use_cases.outbound_ports import Outbound, UrlRefused
from longcode.use_cases.ports import Clock, Logger
from longcode.use_cases.subscription_store import Subscriptions

_SECRET_BYTES, _ID_BYTES = 32, 16
# How many secrets a subscription has at a time: the new one, and the one before while the receiver changes over.
_MOST_SECRETS = 2
# How often a rotation that met another begins anew.
_TRIES = 3


@dataclass(frozen=True, slots=True)
class SubscriptionAdmin:
    """What a user does with subscriptions. Each call may raise Unavailable.

    A secret is in what `create` and `rotate` return, and never in the log; nor is a URL, whose path may be one.
    """

    store: Subscriptions
    clock: Clock
    logger: Logger

    def create(self, wanted: SubscriptionRequest, outbound: Outbound) -> tuple[Subscription, str]:
        """Make one; it and its secret. Raises InvalidRequest and TooManySubscriptions."""
        assert wanted.url is not None
        assert wanted.events is not None
        _check(outbound, wanted.url)
        secret = _new_secret()
        made = Subscription(
            id=f"whs_{secrets.token_urlsafe(_ID_BYTES)}",
            url=wanted.url,
            events=wanted.events,
            secrets=(Secret(secret),),
            created_ms=self.clock.now_ms(),
            description=wanted.description or "",
        )
        if not self.store.create(made, MOST_SUBSCRIPTIONS):
            raise TooManySubscriptions(f"There are {MOST_SUBSCRIPTIONS} subscriptions, which is the most.")
        self.logger.info("subscription.created", subscription_id=made.id, events=sorted(made.events))
        return made, secret

    def all(self) -> list[Subscription]:
        """Every one, the oldest first."""
        return self.store.all()

    def get(self, subscription_id: str) -> Subscription:
        """One. Raises NotFound."""
        found = self.store.get(subscription_id)
        if found is None:
            raise not_found()
        return found

    def change(self, subscription_id: str, wanted: SubscriptionRequest, outbound: Outbound | None) -> Subscription:
        """Change what is said of it; `outbound` is needed for a URL. Raises NotFound and InvalidRequest."""
        if wanted.url is not None:
            assert outbound is not None
            # One that is not there is the first that is wrong.
            self.get(subscription_id)
            _check(outbound, wanted.url)
        found = self.store.change(
            subscription_id,
            url=wanted.url,
            events=wanted.events,
            description=wanted.description,
            enabled=wanted.enabled,
        )
        if found is None:
            raise not_found()
        said = [name for name in ("url", "events", "description", "enabled") if getattr(wanted, name) is not None]
        self.logger.info("subscription.changed", subscription_id=subscription_id, changed=said)
        return found

    def rotate(self, subscription_id: str, overlap_s: int) -> tuple[Subscription, str]:
        """Give it a new secret; it and that secret. The one before ends `overlap_s` seconds from now.

        One that was to end already keeps its end, and goes where it would be a third. Raises NotFound.
        """
        secret = _new_secret()
        for _ in range(_TRIES):
            found = self.get(subscription_id)
            after = _rotated(found, secret, overlap_s, self.clock.now_ms())
            if self.store.set_secrets(subscription_id, found.secrets, after):
                self.logger.info("subscription.rotated", subscription_id=subscription_id, overlap_s=overlap_s)
                return replace(found, secrets=after), secret
        # Others rotate it all the time.
        raise Unavailable("The webhooks table")

    def delete(self, subscription_id: str) -> None:
        """End it: nothing more is delivered to it. Raises NotFound."""
        if not self.store.delete(subscription_id):
            raise not_found()
        self.logger.info("subscription.deleted", subscription_id=subscription_id)


def not_found() -> NotFound:
    """What is said of an id that no subscription has."""
    return NotFound("There is no subscription of this id.")


def _rotated(found: Subscription, secret: str, overlap_s: int, now_ms: int) -> tuple[Secret, ...]:
    """The new secret, and of those before what is valid still."""
    ends_ms = now_ms + overlap_s * 1000
    kept = [
        replace(one, expires_ms=ends_ms if one.expires_ms is None else min(one.expires_ms, ends_ms))
        for one in found.valid_secrets(now_ms)
    ]
    still = [one for one in kept if one.expires_ms is not None and one.expires_ms > now_ms]
    return (Secret(secret), *still[: _MOST_SECRETS - 1])


def _new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


def _check(outbound: Outbound, url: str) -> None:
    try:
        outbound.check(url)
    except UrlRefused as exc:
        raise InvalidRequest(str(exc), field="url") from None

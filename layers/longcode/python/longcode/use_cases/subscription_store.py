"""The port to the webhook subscriptions."""

from typing import Protocol

from longcode.domain.subscriptions import DisabledReason, Secret, Subscription


class Subscriptions(Protocol):
    """The webhook subscriptions. Each call may raise errors.Unavailable."""

    def all(self) -> list[Subscription]:
        """Every subscription, the oldest first. It is read anew with each call."""

    def get(self, subscription_id: str) -> Subscription | None:
        """One, None if there is none of that id."""

    def create(self, subscription: Subscription, at_most: int) -> bool:
        """Store a new one; False, with nothing stored, if there are `at_most` already."""

    def change(
        self,
        subscription_id: str,
        *,
        url: str | None = None,
        events: frozenset[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Subscription | None:
        """Change what its user says of it, None leaves it as it is; as it is then, None if there is none.

        Enabled, or with a URL, it counts as not failing. One that is disabled already keeps its reason.
        """

    def set_secrets(self, subscription_id: str, before: tuple[Secret, ...], after: tuple[Secret, ...]) -> bool:
        """Replace its secrets if they are still `before`; False, with nothing changed, if they are not."""

    def delete(self, subscription_id: str) -> bool:
        """Delete it; False if there was none."""

    def note_failing(self, subscription_id: str, since_ms: int) -> Subscription | None:
        """Note since when its deliveries fail, unless an earlier moment is noted. As it is now, None if gone."""

    def note_success(self, subscription_id: str) -> None:
        """Note that its deliveries succeed again. Called only where it was failing."""

    def disable(self, subscription_id: str, reason: DisabledReason) -> bool:
        """Deliver nothing more to it; True for the one call that did it."""

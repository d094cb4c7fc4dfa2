"""The webhook subscriptions, in memory."""

from dataclasses import replace

from longcode.domain.subscriptions import DisabledReason, Secret, Subscription
from tests.support.fakes.fault_injector import FaultInjector


class FakeSubscriptions:
    """subscription_store.Subscriptions in memory. The contract tests hold it to what the real table does."""

    def __init__(self) -> None:
        self.faults = FaultInjector(
            *("all", "get", "create", "change", "set_secrets", "delete"),
            *("note_failing", "note_success", "disable"),
        )
        self.kept: dict[str, Subscription] = {}

    def all(self) -> list[Subscription]:
        with self.faults.around("all"):
            return sorted(self.kept.values(), key=lambda one: (one.created_ms, one.id))

    def get(self, subscription_id: str) -> Subscription | None:
        with self.faults.around("get", subscription_id):
            return self.kept.get(subscription_id)

    def create(self, subscription: Subscription, at_most: int) -> bool:
        with self.faults.around("create", subscription.id):
            if len(self.kept) >= at_most:
                return False
            self.kept[subscription.id] = subscription
            return True

    def change(
        self,
        subscription_id: str,
        *,
        url: str | None = None,
        events: frozenset[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> Subscription | None:
        with self.faults.around("change", subscription_id):
            found = self.kept.get(subscription_id)
            if found is None:
                return None
            after = replace(
                found,
                url=found.url if url is None else url,
                events=found.events if events is None else events,
                description=found.description if description is None else description,
            )
            if enabled or url is not None:
                after = replace(after, failing_since_ms=None)
            if enabled is not None:
                after = replace(after, disabled=None if enabled else found.disabled or DisabledReason.REQUEST)
            self.kept[subscription_id] = after
            return after

    def set_secrets(self, subscription_id: str, before: tuple[Secret, ...], after: tuple[Secret, ...]) -> bool:
        with self.faults.around("set_secrets", subscription_id):
            found = self.kept.get(subscription_id)
            if found is None or found.secrets != before:
                return False
            self.kept[subscription_id] = replace(found, secrets=after)
            return True

    def delete(self, subscription_id: str) -> bool:
        with self.faults.around("delete", subscription_id):
            return self.kept.pop(subscription_id, None) is not None

    def note_failing(self, subscription_id: str, since_ms: int) -> Subscription | None:
        with self.faults.around("note_failing", subscription_id):
            found = self.kept.get(subscription_id)
            if found is None:
                return None
            noted = found.failing_since_ms
            after = replace(found, failing_since_ms=since_ms if noted is None else min(noted, since_ms))
            self.kept[subscription_id] = after
            return after

    def note_success(self, subscription_id: str) -> None:
        with self.faults.around("note_success", subscription_id):
            if found := self.kept.get(subscription_id):
                self.kept[subscription_id] = replace(found, failing_since_ms=None)

    def disable(self, subscription_id: str, reason: DisabledReason) -> bool:
        with self.faults.around("disable", subscription_id):
            found = self.kept.get(subscription_id)
            if found is None or found.disabled is not None:
                return False
            self.kept[subscription_id] = replace(found, disabled=reason)
            return True

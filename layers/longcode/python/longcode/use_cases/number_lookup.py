"""Asking the provider, for money, which carrier the numbers are on that nothing is known of (NumberLookup)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from longcode.domain.carriers import Carrier, Subscription, is_north_american
from longcode.domain.errors import Unavailable
from longcode.domain.metrics import Metric
from longcode.use_cases import store_failures
from longcode.use_cases.ports import Parallel
from longcode.use_cases.send_attempt import SendDependencies

# The line type of a number that the provider does not know either. It is kept as `other`, so that it is not paid
# for again with each text: the mobile carriers' numbers are known to a lookup, and the first answer to a text that
# names a carrier takes its place.
NOT_KNOWN = "unknown"


def in_turn(jobs: Sequence[Callable[[], None]]) -> None:
    """ports.Parallel for one job, or few."""
    for job in jobs:
        job()


def look_up(
    numbers: Sequence[str], deps: SendDependencies, parallel: Parallel = in_turn
) -> Mapping[str, Subscription]:
    """What the provider knows of `numbers`, each asked for once; nothing, if the setting is off.

    It is learnt, so that none of them is asked for again within 30 days. A number that no answer came for is not
    in the result: its text counts as one whose carrier is unknown, and once a lookup has failed no further one is
    begun. Takes as long as the provider's lookups do, 3 s at most each.
    """
    found: dict[str, Subscription] = {}
    failed: list[Unavailable] = []

    def ask(number: str) -> None:
        if failed:
            return
        deps.metrics.count(Metric.NUMBER_LOOKUPS)
        try:
            known = deps.provider.lookup(number)
        except Unavailable as exc:
            failed.append(exc)
            deps.logger.warning("lookup.unavailable", what=exc.what)
            return
        found[number] = known or Subscription(Carrier.OTHER, NOT_KNOWN, deps.clock.now_ms())
        try:
            deps.carriers.learn(number, found[number])
        except Unavailable as exc:
            store_failures.note(exc, deps.metrics, deps.logger)

    asked = [number for number in dict.fromkeys(numbers) if is_north_american(number)]
    if asked and deps.number_lookup == "unknown":
        parallel([partial(ask, number) for number in asked])
    return found

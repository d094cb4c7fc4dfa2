"""The messages table's stream: publishes what changed to the user's own systems, and keeps the counters."""

from collections.abc import Sequence

from longcode.domain import events
from longcode.entrypoints import container, stream
from longcode.use_cases import publish


def handler(service: container.Service) -> container.Handler:
    """The publisher over `service`."""
    event_bus, counters = service.event_bus, service.counters
    heartbeat, explain = service.heartbeat, service.explain

    def publish_changes(changes: Sequence[events.Change]) -> int:
        return publish.publish(
            changes,
            event_bus=event_bus,
            counters=counters,
            heartbeat=heartbeat,
            metrics=service.metrics,
            logger=service.logger,
            explain=explain,
            now_ms=service.clock.now_ms(),
        )

    return service.job(
        lambda event, _context: stream.relay(event, publish_changes, service.metrics, service.logger)
    )


lambda_handler = container.start(handler)

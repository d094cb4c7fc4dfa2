"""The messages table's stream: publishes what changed to the user's own systems, and keeps the counters."""

from longcode.entrypoints import container, delivery_parts, stream
from longcode.use_cases import publish


def handler(service: container.Service) -> container.Handler:
    """The publisher over `service`."""
    deps = publish.PublishDependencies(
        event_bus=service.event_bus,
        counters=service.counters,
        heartbeat=service.heartbeat,
        finder=service.finder,
        messages=service.messages,
        metrics=service.metrics,
        logger=service.logger,
        explain=service.explain,
        final_only=service.settings.status_events == "final",
        fan_out=delivery_parts.fan_out(service),
        media_jobs=service.media_jobs if service.settings.media.queue_url else None,
    )
    return service.job(
        lambda event, _context: stream.relay(
            event,
            lambda changes: publish.publish(changes, deps, service.clock.now_ms()),
            service.metrics,
            service.logger,
        )
    )


lambda_handler = container.start(handler)

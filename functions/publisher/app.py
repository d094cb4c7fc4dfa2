"""The messages table's stream: tells the user's own systems what changed, and keeps the counters."""

from collections.abc import Sequence

from longcode import ports, publish, stream, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The publisher over `service`."""
    bus, counters, heartbeat = service.bus, service.counters, service.heartbeat

    def tell(changes: Sequence[ports.Change]) -> int:
        return publish.publish(
            changes,
            bus=bus,
            counters=counters,
            heartbeat=heartbeat,
            meter=service.meter,
            journal=service.journal,
            now_ms=service.clock.now_ms(),
        )

    return service.job(lambda event, _context: stream.relay(event, tell, service.meter, service.journal))


lambda_handler = wiring.start(handler)
